// Sets up the engines tfjs-node and tfjs-node-gpu: npm run setup:tensorflow -- --help
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from './addon/record.mjs';
import { compileBinding, runOfficialInstaller } from './tensorflow/binding.mjs';
import { checkEngine } from './tensorflow/check.mjs';
import { installCuda, unpackWheel } from './tensorflow/libraries.mjs';
import { installPackage, installProject } from './tensorflow/npm.mjs';
import { describe, tensorflowFolder } from './tensorflow/places.mjs';
import { megabytes, partialFolder, readRecord, sizesOf, writeRecord } from './wheels/folders.mjs';
import { cacheFolder } from './wheels/pip.mjs';
import { SetupError } from './wheels/setup-error.mjs';
import { fetchWheel } from './wheels/wheel.mjs';

const help = `Sets up TensorFlow as an engine: npm run train:native -- --engine tfjs-node (or tfjs-node-gpu).

Usage: npm run setup:tensorflow -- [options]

Installs @tensorflow/tfjs-node without its download, takes libtensorflow from TensorFlow's Python wheel,
compiles the binding against it, and checks it by training a step. All of it lies in ${tensorflowFolder()}
(RAREFACE_TENSORFLOW names another folder); package.json and node_modules stay as they are.

  --gpu          set up tfjs-node-gpu, for NVIDIA GPUs
  --cuda         with --gpu: CUDA's and cuDNN's libraries, too, for machines that have only the driver
                 (CUDA 12, cuDNN 9: 2.8 GB to download, 4.4 GB on disk)
  --version <v>  TensorFlow's version, 2.12 or newer (default: 2.15.1; with --gpu 2.21.0)
  --official     take what the package's own installer downloads instead: libtensorflow 2.9.1, for CUDA 11.2
  --force        set it up anew even where it is there and works
  --remove       remove what was set up, with the wheels that were kept in
                 ${cacheFolder()}
  --help         show this help

Needed: a C++ compiler; Python 3 with pip (or venv), which downloads the wheel as it is configured to.`;

/** The version for each kind unless --version names one. 2.15.1's wheel is the smallest that works. */
const defaultVersions = { cpu: '2.15.1', gpu: '2.21.0' };

const say = (text) => console.log(`rareface: ${text}`);

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        ...{
          gpu: { type: 'boolean', default: false },
          cuda: { type: 'boolean', default: false },
          version: { type: 'string' },
        },
        ...{ official: { type: 'boolean', default: false }, force: { type: 'boolean', default: false } },
        ...{ remove: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
      },
    });
    if (values.version !== undefined && !/^\d+\.\d+\.\d+$/.test(values.version))
      throw new SetupError(
        `expected a version such as ${defaultVersions.cpu} for --version but received '${values.version}'`,
      );
    if (values.official && (values.version !== undefined || values.cuda))
      throw new SetupError('--official has one version only, for CUDA 11.2: leave --version and --cuda out.');
    if (values.cuda && !values.gpu) throw new SetupError('--cuda goes with --gpu.');
    return values;
  } catch (error) {
    throw error instanceof SetupError ? error : new SetupError(`${error.message} See --help.`);
  }
}

function remove() {
  for (const folder of [tensorflowFolder(), cacheFolder()]) {
    say(existsSync(folder) ? `removed ${folder} (${megabytes(sizesOf(folder))})` : `${folder} is not there`);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Builds in a folder of its own, which takes the place of the old one once it has trained a step. */
async function setUp(kind, { version, official, cuda }) {
  const packageName = kind === 'gpu' ? '@tensorflow/tfjs-node-gpu' : '@tensorflow/tfjs-node';
  const target = join(tensorflowFolder(), kind);
  const partial = partialFolder(tensorflowFolder());
  const built = join(partial, kind);
  try {
    mkdirSync(built, { recursive: true });
    say(`installing ${packageName}${official ? ', with its own installer' : ''}...`);
    installPackage(built, packageName);
    const packageFolder = join(built, 'node_modules', packageName);
    let wheel;
    if (official) runOfficialInstaller(packageFolder, kind);
    else {
      wheel = await fetchWheel(kind === 'gpu' ? 'tensorflow' : 'tensorflow-cpu', version, say);
      say(`unpacking libtensorflow from ${wheel.name}...`);
      unpackWheel(wheel.file, packageFolder);
      say('compiling the binding...');
      compileBinding(packageFolder);
      if (cuda) {
        say("downloading CUDA's and cuDNN's libraries...");
        installCuda(packageFolder);
      }
    }
    say('training a step...');
    const checked = checkEngine(kind, partial);
    rmSync(target, { recursive: true, force: true });
    renameSync(built, target);
    writeRecord(target, {
      ...{ packageName, official, cuda, version: official ? undefined : version },
      ...{ wheel: wheel?.name, sha256: wheel?.sha256, wheelBytes: wheel?.bytes },
    });
    say(describe(target, checked));
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

async function main() {
  const options = readOptions();
  if (options.help) return console.log(help);
  if (options.remove) return remove();
  if (process.platform !== 'linux' || (process.arch !== 'x64' && !options.official))
    throw new SetupError(`there are wheels for Linux on x64; this is ${process.platform} on ${process.arch}.`);
  installProject(root, say);
  const kind = options.gpu ? 'gpu' : 'cpu';
  const version = options.version ?? defaultVersions[kind];
  const record = readRecord(join(tensorflowFolder(), kind));
  const fits =
    record &&
    record.official === options.official &&
    (options.official || record.version === version) &&
    (record.cuda || !options.cuda);
  if (fits && !options.force) {
    try {
      const checked = checkEngine(kind, tensorflowFolder());
      say(`it is there and works: ${describe(join(tensorflowFolder(), kind), checked)}`);
      return;
    } catch (error) {
      say(`what is there does not work (${error.message}): setting it up anew`);
    }
  }
  await setUp(kind, { ...options, version });
}

try {
  await main();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`rareface: ${error.message}`);
  process.exitCode = 1;
}
