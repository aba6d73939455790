// Compiles the addon: with CMake through cmake-js, or with node-gyp where there is no CMake.
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { root } from './record.mjs';

const require = createRequire(import.meta.url);

/** A build that failed; the message is for the user and carries the compiler's words. */
export class BuildError extends Error {}

/** Runs a command with its output in a log, of which a failure prints the end. */
function runLogged(command, args, { log, env = {}, cwd = root }) {
  mkdirSync(dirname(log), { recursive: true });
  const file = openSync(log, 'w');
  const run = spawnSync(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', file, file],
  });
  closeSync(file);
  if (run.status === 0) return;
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
  const firstError = lines.findIndex((line) => /\berror\b|CMake Error|^FAILED/i.test(line));
  const from = firstError >= 0 ? firstError : Math.max(0, lines.length - 40);
  const cause = run.signal ? ` (${run.signal}: the machine may be short of memory)` : '';
  throw new BuildError(
    `the native build failed${cause}; the whole log is in ${log}\n\n${lines.slice(from, from + 40).join('\n')}\n`,
  );
}

/** CMake refuses a cache made by another generator, another nvcc or for another folder: start anew then. */
function dropForeignCache(output, generator, nvcc) {
  const cache = join(output, 'CMakeCache.txt');
  if (!existsSync(cache)) return;
  const text = readFileSync(cache, 'utf8');
  const value = (name) => new RegExp(`^${name}:[A-Z]+=(.*)$`, 'm').exec(text)?.[1];
  const home = value('CMAKE_HOME_DIRECTORY');
  const sameNvcc = nvcc === undefined || [undefined, nvcc].includes(value('CMAKE_CUDA_COMPILER'));
  if (value('CMAKE_GENERATOR') === generator && sameNvcc && home !== undefined && join(home, '/') === root) return;
  rmSync(cache);
  rmSync(join(output, 'CMakeFiles'), { recursive: true, force: true });
}

/** RAREFACE_WERROR=1: warnings are errors, as CI has it. */
const warnings = { RAREFACE_WERROR: process.env.RAREFACE_WERROR === '1' ? 'ON' : 'OFF' };

/** CMake's settings for kernels for GPUs. @param toolkit as findToolkit gives it, or undefined for none */
function cudaSettings(toolkit) {
  if (!toolkit) return { RAREFACE_CUDA: 'OFF' };
  const { RAREFACE_CUDA_CODES } = process.env; // CMake's form: sm_90;compute_80
  return {
    ...{ RAREFACE_CUDA: 'ON', CMAKE_CUDA_COMPILER: toolkit.nvcc },
    ...(RAREFACE_CUDA_CODES ? { RAREFACE_CUDA_CODES } : {}),
  };
}

/**
 * @param toolkit of CUDA, where there are to be kernels for GPUs
 * @param settings further CMake settings, e.g. { RAREFACE_SANITIZE: 'thread' }
 */
export function buildWithCmake({ output, isas, tools, toolkit, settings = {} }) {
  const generator = tools.ninja ? 'Ninja' : 'Unix Makefiles';
  const jobs = availableParallelism();
  const cuda = toolkit ? `, CUDA ${toolkit.release}` : '';
  console.log(`rareface: building the native addon (CMake, ${generator}${cuda}, ${jobs} jobs)...`);
  const defined = Object.entries({
    RAREFACE_ISAS: isas.join(';'),
    ...warnings,
    ...cudaSettings(toolkit),
    ...settings,
  });
  dropForeignCache(output, generator, toolkit?.nvcc);
  // Not cmake-js's `compile`: it keeps the settings of an earlier build, and starts all over after
  // an error.
  const settled = ['--out', output, '--generator', generator, '--parallel', String(jobs)].concat(
    defined.map(([name, value]) => `--CD${name}=${value}`),
  );
  const cmakeJs = require.resolve('cmake-js/bin/cmake-js');
  for (const step of ['configure', 'build'])
    runLogged(process.execPath, [cmakeJs, step, ...settled], { log: join(output, `${step}.log`) });
}

/** Compiles the CUDA kernels for the CPU, into `folder`. */
export function buildEmulator({ output, folder, tools }) {
  const generator = tools.ninja ? 'Ninja' : 'Unix Makefiles';
  const jobs = availableParallelism();
  console.log(`rareface: building the CUDA kernels for the CPU (CMake, ${generator}, ${jobs} jobs)...`);
  dropForeignCache(output, generator);
  const settings = {
    CMAKE_BUILD_TYPE: 'Release',
    CMAKE_LIBRARY_OUTPUT_DIRECTORY: folder,
    RAREFACE_CUDA: 'OFF',
    RAREFACE_CUDA_EMULATOR: 'ON',
    ...warnings,
  };
  const defined = Object.entries(settings).map(([name, value]) => `-D${name}=${value}`);
  runLogged('cmake', ['-S', root, '-B', output, '-G', generator, ...defined], { log: join(output, 'configure.log') });
  const target = ['--target', 'rareface-cuda-emulated', '--parallel', String(jobs)];
  runLogged('cmake', ['--build', output, ...target], { log: join(output, 'build.log') });
}

/**
 * Headers for node-gyp without a download: N-API's from their npm package, and a common.gypi that
 * sets what node-gyp's own rules read.
 */
function makeNodeDir(folder) {
  const include = join(folder, 'include', 'node');
  mkdirSync(include, { recursive: true });
  cpSync(require('node-api-headers').include_dir, include, { recursive: true });
  const settings = {
    variables: { 'openssl_fips%': '', 'v8_enable_sandbox%': 0, 'enable_lto%': 'false' },
    target_defaults: { default_configuration: 'Release', configurations: { Release: {} } },
  };
  writeFileSync(join(include, 'common.gypi'), JSON.stringify(settings, null, 2));
  return folder;
}

function nodeGyp() {
  try {
    return require.resolve('node-gyp/bin/node-gyp.js');
  } catch {
    if (process.env.npm_config_node_gyp) return process.env.npm_config_node_gyp; // the one inside npm
    throw new BuildError('node-gyp was not found: run this through npm (npm run build:gyp), or install CMake');
  }
}

export function buildWithGyp({ output }) {
  const jobs = availableParallelism();
  console.log(`rareface: building the native addon (node-gyp, ${jobs} jobs)...`);
  // node-gyp always works in ./build of the folder that binding.gyp lies in: give it one of its own.
  const work = join(output, 'gyp');
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  for (const name of ['binding.gyp', 'native', 'package.json']) symlinkSync(join(root, name), join(work, name));
  const nodeDir = makeNodeDir(join(output, 'node'));
  runLogged(
    process.execPath,
    [nodeGyp(), 'rebuild', '--release', '--jobs', String(jobs), '--nodedir', nodeDir, '--force-process-config'],
    {
      log: join(output, 'build.log'),
      cwd: work,
      env: {
        npm_config_nodedir: nodeDir, // from an .npmrc it would go before the argument
        NODE_PATH: dirname(dirname(require.resolve('node-addon-api/package.json'))), // output may lie anywhere
      },
    },
  );
  const release = join(output, 'Release');
  mkdirSync(release, { recursive: true });
  for (const name of readdirSync(join(work, 'build', 'Release')))
    if (/\.(node|so)$/.test(name)) cpSync(join(work, 'build', 'Release', name), join(release, name));
}
