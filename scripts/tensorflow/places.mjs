// Where TensorFlow is set up, and the record of what was.
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { root } from '../addon/record.mjs';

/** Holds a folder for each kind (cpu, gpu) with its own node_modules. ts/backend/tfjs-node/places.ts looks there. */
export const tensorflowFolder = () => resolve(process.env.RAREFACE_TENSORFLOW ?? join(root, '.tensorflow'));

/** A folder in `folder` to work in, named like the process, without those that killed ones left. */
export function partialFolder(folder) {
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) {
    const id = /^partial-(\d+)$/.exec(name)?.[1];
    if (id && !existsSync(`/proc/${id}`)) rmSync(join(folder, name), { recursive: true, force: true });
  }
  return join(folder, `partial-${process.pid}`);
}

/** Written last: what has no record is not whole. */
export function writeRecord(folder, record) {
  writeFileSync(join(folder, 'setup.json'), `${JSON.stringify(record, null, 2)}\n`);
}

export function readRecord(folder) {
  try {
    return JSON.parse(readFileSync(join(folder, 'setup.json'), 'utf8'));
  } catch {
    return undefined;
  }
}

/** Bytes of all files in a folder. */
export function sizesOf(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + lstatSync(join(entry.parentPath ?? entry.path, entry.name)).size, 0);
}

export const megabytes = (bytes) => `${Math.round(bytes / 1e6)} MB`;

/** What was set up, and how large it is. @param checked what came of its check */
export function describe(folder, checked) {
  const { packageName, version, wheelBytes } = readRecord(folder);
  const libraries = sizesOf(join(folder, 'node_modules', packageName, 'deps'));
  const library = version
    ? `libtensorflow ${version} (wheel ${megabytes(wheelBytes)}, kept; unpacked`
    : "the official installer's libtensorflow (";
  return `${packageName} with ${library} ${megabytes(libraries)}) in ${dirname(folder)}, ${megabytes(sizesOf(folder))} in all; ${checked}`;
}
