// Makes sure that a native addon which fits this machine and these sources is in build/Release.
// npm runs it after `npm install`; `npm run build:native` runs it with --force.
//
//   node scripts/install.mjs [--force] [--with cmake|gyp] [--output DIR] [--isas all|avx512,avx2,portable]
//                            [--cuda auto|on|off]
//
// --cuda auto, the default: kernels for GPUs, too, where a CUDA toolkit is found; where it cannot compile
// them, the addon is built without. on: fail then.
//
// An addon that is already there is kept when its record (addon.json beside it) names this platform,
// these sources and every instruction set wanted, kernels for GPUs if there is a toolkit, and when it
// loads in a process of its own.
import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { buildWithCmake, buildWithGyp, BuildError } from './addon/build.mjs';
import { checkLoads, expectedRecord, readRecord, root, staleReason, wantedIsas, writeRecord } from './addon/record.mjs';
import { findTools, missingToolsMessage } from './addon/tools.mjs';
import { findToolkit } from './cuda/toolkit.mjs';

const { values: options } = parseArgs({
  options: {
    force: { type: 'boolean', default: false },
    with: { type: 'string' },
    output: { type: 'string', default: 'build' },
    isas: { type: 'string', default: process.env.RAREFACE_ISAS ?? '' },
    cuda: { type: 'string', default: 'auto' },
  },
});

function fail(message) {
  console.error(`rareface: ${message}`);
  process.exit(1);
}

if (process.platform !== 'linux')
  fail(`the native addon builds on Linux; this is ${process.platform}. Use WSL 2, a container or a Linux machine.`);
if (options.with !== undefined && !['cmake', 'gyp'].includes(options.with))
  fail(`expected cmake or gyp for --with but received '${options.with}'`);

if (!['auto', 'on', 'off'].includes(options.cuda))
  fail(`expected auto, on or off for --cuda but received '${options.cuda}'`);

let isas;
try {
  isas = wantedIsas(options.isas);
} catch (error) {
  fail(error.message);
}
const output = resolve(root, options.output);
const folder = join(output, 'Release');
const tools = findTools();
const builder = options.with ?? (tools.cmake ? 'cmake' : 'gyp');
const toolkit = options.cuda === 'off' || builder === 'gyp' ? undefined : findToolkit();
if (options.cuda === 'on' && !toolkit)
  fail(
    builder === 'gyp'
      ? 'kernels for GPUs are built with CMake, which was not found'
      : 'no CUDA toolkit was found: npm run setup:cuda brings one',
  );

if (!options.force) {
  const record = readRecord(folder);
  // What this toolkit failed to compile it need not try again, unless asked.
  const tried = options.cuda === 'auto' && record?.cudaFailed === toolkit?.nvcc;
  const reason = staleReason(record, expectedRecord(isas, tried ? undefined : toolkit?.release)) ?? checkLoads(folder);
  if (reason === undefined) process.exit(0);
  if (record) console.log(`rareface: the native addon that is there does not fit: ${reason}`);
}

const missing = missingToolsMessage(tools, builder);
if (missing) fail(missing);

// A failed build must not leave a record that calls old files fresh.
rmSync(join(folder, 'addon.json'), { force: true });
const started = performance.now();
const builtIsas = builder === 'gyp' ? wantedIsas('all') : isas;

/** @returns the build's failure */
function build(toolkit) {
  try {
    if (builder === 'gyp') buildWithGyp({ output });
    else buildWithCmake({ output, isas: builtIsas, tools, toolkit });
  } catch (error) {
    if (error instanceof BuildError) return error.message;
    throw error;
  }
}

let cuda = toolkit;
let failed = build(toolkit);
if (failed && toolkit && options.cuda === 'auto') {
  // Whoever installs need not have asked for kernels for GPUs.
  cuda = undefined;
  const withCuda = failed;
  failed = build();
  if (!failed)
    console.log(
      `rareface: without kernels for GPUs, which CUDA ${toolkit.release} (${toolkit.nvcc}) did not compile; ` +
        `npm run setup:cuda tries again. It said:\n${withCuda.split('\n').slice(2, 6).join('\n')}`,
    );
}
if (failed) fail(failed);
const broken = checkLoads(folder);
if (broken !== undefined) fail(`the addon was built but does not load: ${broken}`);
writeRecord(folder, {
  ...{ ...expectedRecord(builtIsas, cuda?.release), builder },
  cudaFailed: toolkit && !cuda ? toolkit.nvcc : undefined,
});
const kinds = [...builtIsas, ...(cuda ? [`CUDA ${cuda.release}`] : [])].join(', ');
console.log(`rareface: built the native addon (${kinds}) in ${Math.round((performance.now() - started) / 1000)} s`);
