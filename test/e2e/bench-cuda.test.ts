import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const name = `test-${process.pid}`;
const results = `${root}bench/results/${name}`;
afterAll(() => {
  for (const end of ['json', 'svg']) rmSync(`${results}.${end}`, { force: true });
});

// So that it does not run for the first time where a GPU is paid by the hour.
test('npm run bench -- cuda times training steps, here on the CPU that plays a GPU', () => {
  const device = ['--device', 'cuda-emulated', '--network', 'tiny', '--batch', '1', '--rounds', '1'];
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', 'bench/main.ts', 'cuda', ...device, '--precision', 'tf32', '--name', name],
    { cwd: root, encoding: 'utf8', env: { ...process.env, RAREFACE_DEVICE: 'cuda-emulated' } },
  );
  expect(stderr).toBe('');
  expect(status).toBe(0);
  expect(stdout).toMatch(/^CUDA emulator, \d+ multiprocessors; .*GFLOP\/s in tf32$/m);
  expect(stdout).toMatch(/^native tf32 +\d/m);
  const { comparisons } = JSON.parse(readFileSync(`${results}.json`, 'utf8')) as {
    comparisons: { timings: { name: string; median: number; runs: number }[] }[];
  };
  expect(comparisons[0]!.timings).toMatchObject([{ name: 'native tf32', precision: 'tf32' }]);
  expect(comparisons[0]!.timings[0]!.median).toBeGreaterThan(0);
}, 300_000);
