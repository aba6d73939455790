// Builds the CUDA kernels for the CPU, where the tests run them (native/cuda/emulator), as
// librareface-cuda-emulated.so beside the addon. `npm run build:emulator`; `npm test` does the same.
//
// A library that is already there is kept when its record names this platform and these sources.
import { rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { buildEmulator, BuildError } from './addon/build.mjs';
import { emulatorRecord, readRecord, root, staleReason, writeRecord } from './addon/record.mjs';
import { findTools, missingToolsMessage } from './addon/tools.mjs';

const record = 'cuda-emulated.json';
const addon = process.env.RAREFACE_ADDON;
const folder = addon ? dirname(resolve(root, addon)) : join(root, 'build', 'Release');

function fail(message) {
  console.error(`rareface: ${message}`);
  process.exit(1);
}

if (staleReason(readRecord(folder, record), emulatorRecord()) === undefined) process.exit(0);
const tools = findTools();
const missing = missingToolsMessage(tools, 'cmake');
if (missing) fail(missing);
rmSync(join(folder, record), { force: true });
const started = performance.now();
try {
  buildEmulator({ output: join(dirname(folder), 'emulator'), folder, tools });
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  fail(error.message);
}
writeRecord(folder, emulatorRecord(), record);
console.log(`rareface: built the CUDA kernels for the CPU in ${Math.round((performance.now() - started) / 1000)} s`);
