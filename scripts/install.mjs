// Makes sure that a native addon which fits this machine and these sources is in build/Release.
// npm runs it after `npm install`; `npm run build:native` runs it with --force.
//
//   node scripts/install.mjs [--force] [--with cmake|gyp] [--output DIR] [--isas all|avx512,avx2,portable]
//
// An addon that is already there is kept when its record (addon.json beside it) names this platform,
// these sources and every instruction set wanted, and when it loads in a process of its own.
import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { buildWithCmake, buildWithGyp, BuildError } from './addon/build.mjs';
import { checkLoads, expectedRecord, readRecord, root, staleReason, wantedIsas, writeRecord } from './addon/record.mjs';
import { findTools, missingToolsMessage } from './addon/tools.mjs';

const { values: options } = parseArgs({
  options: {
    force: { type: 'boolean', default: false },
    with: { type: 'string' },
    output: { type: 'string', default: 'build' },
    isas: { type: 'string', default: process.env.RAREFACE_ISAS ?? '' },
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

let isas;
try {
  isas = wantedIsas(options.isas);
} catch (error) {
  fail(error.message);
}
const output = resolve(root, options.output);
const folder = join(output, 'Release');

if (!options.force) {
  const reason = staleReason(readRecord(folder), expectedRecord(isas)) ?? checkLoads(folder);
  if (reason === undefined) process.exit(0);
  if (readRecord(folder)) console.log(`rareface: the native addon that is there does not fit: ${reason}`);
}

const tools = findTools();
const builder = options.with ?? (tools.cmake ? 'cmake' : 'gyp');
const missing = missingToolsMessage(tools, builder);
if (missing) fail(missing);

// A failed build must not leave a record that calls old files fresh.
rmSync(join(folder, 'addon.json'), { force: true });
const started = performance.now();
const builtIsas = builder === 'gyp' ? wantedIsas('all') : isas;
try {
  const build = builder === 'gyp' ? buildWithGyp : buildWithCmake;
  build({ output, isas: builtIsas, tools });
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  fail(error.message);
}
const broken = checkLoads(folder);
if (broken !== undefined) fail(`the addon was built but does not load: ${broken}`);
writeRecord(folder, { ...expectedRecord(builtIsas), builder });
console.log(
  `rareface: built the native addon (${builtIsas.join(', ')}) in ${Math.round((performance.now() - started) / 1000)} s`,
);
