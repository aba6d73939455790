// What a built addon is made of, and whether it fits: the record addon.json beside the addon.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** N-API is stable across Node versions, so one build serves every Node that has this version. */
const napiVersion = 8;

/** Best first, as native/runtime/kernel_library.cc tries them. */
const allIsas = process.arch === 'x64' ? ['avx512', 'avx2', 'portable'] : ['portable'];

/** The flags of /proc/cpuinfo that each instruction set needs. */
const isaFlags = {
  avx512: ['avx2', 'fma', 'f16c', 'avx512f', 'avx512bw', 'avx512vl', 'avx512dq'],
  avx2: ['avx2', 'fma', 'f16c'],
  portable: [],
};

function processorIsas() {
  let flags = new Set();
  try {
    flags = new Set(/^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1].trim().split(/\s+/));
  } catch {
    // No /proc: portable kernels only.
  }
  return allIsas.filter((isa) => isaFlags[isa].every((flag) => flags.has(flag)));
}

/**
 * The instruction sets to build kernels for: every one for 'all', those named in a list, and by
 * default the best that this processor has, because compiling all of them takes three times as long.
 */
export function wantedIsas(list) {
  if (list === '') return processorIsas().slice(0, 1);
  if (list === 'all') return allIsas;
  const named = list.split(/[,;]/);
  for (const isa of named)
    if (!allIsas.includes(isa))
      throw new Error(`expected 'all' or some of ${allIsas.join(',')} as instruction sets but received '${list}'`);
  return named;
}

/** A hash over the sources whose names hold, and what says how they are built. */
function hashSources(holds) {
  const hash = createHash('sha256');
  const files = readdirSync(join(root, 'native'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(cc|cu|h|txt)$/.test(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .filter((file) => holds(file.slice(root.length)));
  for (const file of [...files.sort(), join(root, 'CMakeLists.txt'), join(root, 'binding.gyp')]) {
    hash.update(file.slice(root.length)).update('\0').update(readFileSync(file)).update('\0');
  }
  return hash.digest('hex');
}

/**
 * The record of an addon built now for these instruction sets.
 * @param cuda the release of CUDA that compiles kernels for GPUs, if any does
 */
export function expectedRecord(isas, cuda) {
  const sources = hashSources((file) => !file.startsWith('native/cuda/emulator/'));
  return { platform: process.platform, arch: process.arch, napi: napiVersion, isas, cuda, sources };
}

/** The record of the CUDA kernels built now for the CPU. */
export function emulatorRecord() {
  const sources = hashSources((file) => !/^native\/(addon|cpu|tensorflow)\//.test(file));
  return { platform: process.platform, arch: process.arch, isas: [], sources };
}

export function readRecord(folder, name = 'addon.json') {
  try {
    return JSON.parse(readFileSync(join(folder, name), 'utf8'));
  } catch {
    return undefined;
  }
}

export function writeRecord(folder, record, name = 'addon.json') {
  writeFileSync(join(folder, name), `${JSON.stringify(record, null, 2)}\n`);
}

/** Why a record does not meet what is expected; undefined when it does. */
export function staleReason(record, expected) {
  if (!record) return 'there is none';
  for (const key of ['platform', 'arch', 'napi'])
    if (record[key] !== expected[key]) return `it was built for ${key} ${record[key]}, not ${expected[key]}`;
  if (record.sources !== expected.sources) return 'the native sources have changed since';
  const lacking = expected.isas.filter((isa) => !record.isas?.includes(isa));
  if (expected.cuda && !record.cuda) lacking.push('GPUs');
  return lacking.length > 0 ? `it has no kernels for ${lacking.join(', ')}` : undefined;
}

/**
 * Loads the addon and opens its kernels in a process of its own, where a bad file can do no harm.
 * Returns what went wrong, or undefined.
 */
export function checkLoads(folder) {
  const script = 'require(process.argv[1]).open("cpu", "", 1)';
  const run = spawnSync(process.execPath, ['-e', script, join(folder, 'rareface.node')], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  if (run.status === 0) return undefined;
  if (run.signal) return `loading it ended with ${run.signal}`;
  return (
    /^\w*Error: .*(\n .*)*/m.exec(run.stderr)?.[0].split('\n    at ')[0] ?? `loading it failed: ${run.stderr.trim()}`
  );
}
