import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeFolder, writeAtomic } from '../../ts/base/files.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rareface-files-'));
});
afterAll(() => rm(folder, { recursive: true }));

test('makes a folder with its parents, and takes one that is there', async () => {
  const path = join(folder, 'a/b/c');
  await makeFolder(path);
  await makeFolder(path);
  expect(existsSync(path)).toBe(true);
});

test('says why a folder cannot be made', async () => {
  await writeFile(join(folder, 'file'), '');
  await expect(makeFolder(join(folder, 'file'))).rejects.toThrow(/Cannot make the folder .*file: EEXIST/);
  await expect(makeFolder(join(folder, 'file/below'))).rejects.toThrow(/Cannot make the folder .*below: ENOTDIR/);
});

test.runIf(existsSync('/proc/self'))('ends where a folder exists but takes no others', async () => {
  await expect(makeFolder('/proc/no/such/folder')).rejects.toThrow(/Cannot make the folder/);
});

test('writes a file whole, in the place of another, or leaves nothing', async () => {
  const path = join(folder, 'out.txt');
  await writeAtomic(path, 'one');
  await writeAtomic(path, 'two');
  expect(await readFile(path, 'utf8')).toBe('two');
  const before = await readdir(folder);
  await expect(writeAtomic(join(folder, 'missing/out.txt'), 'x')).rejects.toThrow(/Cannot write .*missing.*ENOENT/);
  expect(await readdir(folder)).toEqual(before);
});
