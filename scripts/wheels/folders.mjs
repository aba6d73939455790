// Folders that a set-up fills: unfinished under another name, with a record once they are whole.
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

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
