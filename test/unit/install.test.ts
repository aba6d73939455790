import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
let copy: string;
let release: string;

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'rareface-install-'));
  release = join(copy, 'build', 'Release');
  for (const name of ['scripts', 'native', 'CMakeLists.txt', 'binding.gyp', 'package.json'])
    cpSync(join(root, name), join(copy, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  mkdirSync(join(copy, 'no-tools'));
});
afterAll(() => rmSync(copy, { recursive: true, force: true }));

/** The installer on a machine that has Node and no build tools. */
function installWithoutTools(...args: string[]) {
  const run = spawnSync(process.execPath, ['scripts/install.mjs', ...args], {
    cwd: copy,
    encoding: 'utf8',
    env: { PATH: join(copy, 'no-tools') },
  });
  return { status: run.status, text: run.stdout + run.stderr };
}

/** Puts the addon under test in place, with the record of a finished build. */
function placeBuiltAddon() {
  cpSync(join(root, 'build', 'Release'), release, { recursive: true });
  const script = `
    import { expectedRecord, wantedIsas, writeRecord } from './scripts/addon/record.mjs';
    writeRecord(process.argv[1], { ...expectedRecord(wantedIsas('')), builder: 'cmake' });`;
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script, release], { cwd: copy });
  expect(run.status).toBe(0);
}

test('names the command to run when there is no compiler', () => {
  rmSync(release, { recursive: true, force: true });
  const { status, text } = installWithoutTools();
  expect(status).toBe(1);
  expect(text).toContain('a C++ compiler');
  expect(text).toMatch(/(apt-get|dnf|zypper) install -y .*cmake|pacman -S/);
  expect(text).toContain('&& npm install');
});

test('keeps an addon that fits, and says nothing', () => {
  placeBuiltAddon();
  expect(installWithoutTools()).toEqual({ status: 0, text: '' });
});

test.each([
  ['the sources have changed', 'native sources have changed', () => writeFileSync(join(copy, 'native/cpu/more.h'), '')],
  ['the addon is damaged', 'file too short', () => writeFileSync(join(release, 'rareface.node'), 'cut')],
  [
    'it was built for another machine',
    'built for arch other',
    () => {
      const record = JSON.parse(readFileSync(join(release, 'addon.json'), 'utf8')) as object;
      writeFileSync(join(release, 'addon.json'), JSON.stringify({ ...record, arch: 'other' }));
    },
  ],
])('builds anew when %s', (_, reason, spoil) => {
  placeBuiltAddon();
  spoil();
  const { status, text } = installWithoutTools();
  expect(status).toBe(1);
  expect(text).toContain('does not fit');
  expect(text).toContain(reason);
  expect(text).toContain('a C++ compiler');
});

test('refuses an instruction set that does not exist', () => {
  const { status, text } = installWithoutTools('--isas', 'avx1024');
  expect(status).toBe(1);
  expect(text).toContain("received 'avx1024'");
});

// onnxruntime-node's install script downloads CUDA files from outside the registry. npm runs a
// dependency's scripts only where the lock file says that it has some, and newer npm asks
// allowScripts; `npm update onnxruntime-node` puts the line back.
test('npm install leaves out the download of onnxruntime-node', () => {
  const read = (name: string) => JSON.parse(readFileSync(join(root, name), 'utf8')) as Record<string, unknown>;
  const packages = read('package-lock.json')['packages'] as Record<string, { hasInstallScript?: boolean }>;
  expect(packages['node_modules/onnxruntime-node']).toBeDefined();
  expect(packages['node_modules/onnxruntime-node']?.hasInstallScript).toBeUndefined();
  expect(read('package.json')['allowScripts']).toMatchObject({ 'onnxruntime-node': false });
});
