// Sets up CUDA: npm run setup:cuda -- --help
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from './addon/record.mjs';
import { driverTooOld, findDriver } from './cuda/driver.mjs';
import { installNvcc, wheelsFor } from './cuda/nvcc-wheels.mjs';
import { installProvider, removeProvider } from './cuda/onnxruntime.mjs';
import { cudaFolder, toolkitFolder } from './cuda/places.mjs';
import { findToolkit, ownToolkit } from './cuda/toolkit.mjs';
import { megabytes, readRecord, sizesOf } from './wheels/folders.mjs';
import { cacheFolder } from './wheels/pip.mjs';
import { SetupError } from './wheels/setup-error.mjs';

const help = `Builds the kernels for NVIDIA GPUs: npm run train:native -- --device cuda

Usage: npm run setup:cuda -- [options]

Takes an installed CUDA toolkit of 12.0 or newer (CUDACXX, nvcc on the PATH, CUDA_HOME, /usr/local/cuda), else
nvcc ${wheelsFor()['nvidia-cuda-nvcc']} from NVIDIA's Python wheels: 105 MB to download, 270 MB in ${cudaFolder()}
(RAREFACE_CUDA_FOLDER names another folder). Then it compiles the kernels, beside the addon. This needs no GPU;
running them needs an NVIDIA driver (580 or newer for what CUDA 13 compiled, 525 for CUDA 12) and a GPU of
compute capability 8.0 or newer.

  --onnxruntime     also take onnxruntime's CUDA provider from its Python wheel, for augmenting with
                    --engine onnxruntime: 250 MB. Done without asking where a driver is found
  --no-onnxruntime  leave it out all the same
  --own             nvcc from the wheels even where a toolkit is installed
  --no-build        compile nothing
  --force           do everything anew, even where it is there
  --remove          remove the toolkit and the provider; compiled kernels stay, and the wheels in
                    ${cacheFolder()}
  --help            show this help

Needed: a C++ compiler, CMake, and for the wheels Python 3 with pip (or venv), which downloads as it is configured to.`;

const say = (text) => console.log(`rareface: ${text}`);

function readOptions() {
  const flags = ['onnxruntime', 'no-onnxruntime', 'own', 'no-build', 'force', 'remove', 'help'];
  try {
    const options = Object.fromEntries(flags.map((flag) => [flag, { type: 'boolean', default: false }]));
    const { values } = parseArgs({ options });
    if (values.onnxruntime && values['no-onnxruntime'])
      throw new SetupError('--onnxruntime and --no-onnxruntime: expected one of them.');
    return values;
  } catch (error) {
    throw error instanceof SetupError ? error : new SetupError(`${error.message} See --help.`);
  }
}

function remove() {
  const folder = cudaFolder();
  say(existsSync(folder) ? `removed ${folder} (${megabytes(sizesOf(folder))})` : `${folder} is not there`);
  rmSync(folder, { recursive: true, force: true });
  removeProvider();
}

/** The toolkit to compile with, brought where there is none. */
async function toolkit({ own, force }, wheels) {
  const found = own ? ownToolkit() : findToolkit(say);
  const there = readRecord(toolkitFolder())?.versions ?? {};
  const stale = found?.folder === toolkitFolder() && Object.keys(wheels).some((name) => there[name] !== wheels[name]);
  if (found && !stale && !(force && found.folder === toolkitFolder())) return found;
  await installNvcc(wheels, say);
  return ownToolkit();
}

function build(nvcc, force) {
  const flags = ['--cuda', 'on', ...(force ? ['--force'] : [])];
  const { status, signal } = spawnSync(process.execPath, [join(root, 'scripts/install.mjs'), ...flags], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, CUDACXX: nvcc },
  });
  if (status !== 0) throw new SetupError(`the kernels were not built (${signal ?? status}): the messages are above.`);
}

/**
 * Opens the kernels, in a process of its own, as the engine does.
 * @returns the GPU as they see it; undefined where they rightly find no driver
 */
function openKernels(driver) {
  const script = `try { console.log(JSON.stringify(require(process.argv[1]).open('cuda', '', 1))) }
    catch (error) { console.log(JSON.stringify({ error: error.message })) }`;
  const addon = join(root, 'build/Release/rareface.node');
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, ['-e', script, addon], { encoding: 'utf8' });
  if (status !== 0)
    throw new SetupError(`the kernels were built but do not load (${signal ?? status}): ${stderr.trim()}`);
  const { error, description } = JSON.parse(stdout);
  if (error === undefined) return description;
  if (!driver && error.includes('no NVIDIA driver')) return undefined;
  throw new SetupError(`the kernels were built but cannot be used: ${error}.`);
}

async function main() {
  const options = readOptions();
  if (options.help) return console.log(help);
  if (options.remove) return remove();
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new SetupError(`CUDA is set up for Linux on x64; this is ${process.platform} on ${process.arch}.`);
  const driver = findDriver();
  const { nvcc, release, from } = await toolkit(options, wheelsFor(driver));
  say(`nvcc of CUDA ${release}, ${from}: ${nvcc}`);
  const old = driver && driverTooOld(driver, release);
  if (old) throw new SetupError(`${old}.`);
  let gpu = driver?.gpus.join(', ');
  if (!options['no-build']) {
    build(nvcc, options.force);
    gpu = openKernels(driver);
  }
  if (options.onnxruntime || (driver && !options['no-onnxruntime'])) await installProvider(options, say);
  say(
    gpu
      ? `ready for ${gpu} (driver ${driver.version}): --device cuda`
      : 'no NVIDIA driver is found on this machine: kernels compile here, and cannot run',
  );
}

try {
  await main();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`rareface: ${error.message}`);
  process.exitCode = 1;
}
