import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeFolder, writeAtomic } from '../../ts/base/files.js';
import { claimFolder } from '../../ts/base/folder-claim.js';
import { OutputFolder } from '../../ts/base/output-folder.js';

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

test('a folder is claimed by one process, by whatever name, until that ends or is killed', async () => {
  const [path, link, other] = ['claimed', 'link', 'other'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  await mkdir(path);
  await mkdir(other);
  await symlink(path, link);
  const claim = `import(process.argv[1]).then(({ claimFolder }) => claimFolder(process.argv[2], 'works'))
    .then(() => { console.log('claimed'); setInterval(() => undefined, 1000); })`;
  const module = new URL('../../ts/base/folder-claim.ts', import.meta.url).href;
  const child = spawn(process.execPath, ['--import', 'tsx', '-e', claim, module, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  expect(String((await once(child.stdout, 'data'))[0])).toBe('claimed\n');
  for (const name of [path, link])
    await expect(claimFolder(name, 'works')).rejects.toThrow(
      `${name} is in use: process ${child.pid} works. Wait until it ends, or stop it (kill -INT ${child.pid}).`,
    );
  await (await claimFolder(other, 'works')).release();
  child.kill('SIGKILL');
  await once(child, 'exit');
  const own = await claimFolder(path, 'works');
  await expect(claimFolder(link, 'works')).rejects.toThrow(`process ${process.pid} works`);
  await own.release();
  await (await claimFolder(path, 'works')).release();
});

test('an output folder removes what killed processes left of it, and nothing else', async () => {
  const parent = join(folder, 'outputs');
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  const name = (of: string, host: string, pid: number) => `${of}.${host}-${pid}-0123abcd.tmp`;
  const dead = name('made', hostname(), child.pid!);
  const others = [
    name('made', hostname(), process.ppid),
    name('made', 'elsewhere', child.pid!),
    name('other', hostname(), child.pid!),
    `made.${child.pid}.tmp`,
  ];
  // The last is what was to be replaced: it is kept until something has taken its place.
  for (const one of [dead, ...others, `${dead}.old`]) await mkdir(join(parent, one, 'faces'), { recursive: true });
  const written = () => Promise.resolve([]);
  const output = await OutputFolder.open(join(parent, 'made'), {
    force: false,
    marker: 'list.csv',
    written,
    inputs: [],
  });
  await output.publish();
  expect((await readdir(parent)).sort()).toEqual(['made', `${dead}.old`, ...others].sort());
  await (
    await OutputFolder.open(join(parent, 'made'), { force: false, marker: 'list.csv', written, inputs: [] })
  ).discard();
  expect((await readdir(parent)).sort()).toEqual(['made', ...others].sort());
});
