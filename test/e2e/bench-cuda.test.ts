import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import type { Spent, StepProfile } from '../../bench/calls/profile.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const name = `test-${process.pid}`;
const results = `${root}bench/results/${name}`;
afterAll(() => {
  for (const end of ['json', 'svg']) rmSync(`${results}.${end}`, { force: true });
});

/** A bench, here on the CPU that plays a GPU: its output, and what it wrote. */
function bench(command: string, ...args: string[]) {
  const device = ['--device', 'cuda-emulated', '--network', 'tiny', '--batch', '1', '--precision', 'tf32'];
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', 'bench/main.ts', command, ...device, ...args, '--name', name],
    { cwd: root, encoding: 'utf8', env: { ...process.env, RAREFACE_DEVICE: 'cuda-emulated' } },
  );
  expect(stderr).toBe('');
  expect(status).toBe(0);
  expect(stdout).toMatch(/^CUDA emulator, \d+ multiprocessors; .*GFLOP\/s in tf32$/m);
  return { stdout, written: JSON.parse(readFileSync(`${results}.json`, 'utf8')) as unknown };
}

// So that they do not run for the first time where a GPU is paid by the hour.
test('npm run bench -- cuda times training steps', () => {
  const { stdout, written } = bench('cuda', '--rounds', '1');
  expect(stdout).toMatch(/^native tf32 +\d/m);
  const { comparisons } = written as {
    comparisons: { timings: { name: string; median: number; runs: number }[] }[];
  };
  expect(comparisons[0]!.timings).toMatchObject([{ name: 'native tf32', precision: 'tf32' }]);
  expect(comparisons[0]!.timings[0]!.median).toBeGreaterThan(0);
}, 300_000);

test('npm run bench -- calls times the kernel calls of a training step', () => {
  const { stdout, written } = bench('calls', '--seconds', '0.001', '--shapes', '2');
  expect(stdout).toMatch(/^Batch 1, tf32 +calls +ms/m);
  expect(stdout).toMatch(/^dense blocks, backward +\d/m);
  const { steps } = written as { steps: StepProfile[] };
  const { kinds, shapes } = steps[0]!;
  const total = (of: readonly Spent[], field: 'calls' | 'flops') => of.reduce((sum, spent) => sum + spent[field], 0);
  expect(total(shapes, 'calls')).toBe(total(kinds, 'calls'));
  expect(total(shapes, 'flops')).toBe(total(kinds, 'flops'));
  expect(shapes.length).toBeGreaterThan(10);
  expect(shapes.some(({ milliseconds }) => milliseconds > 0)).toBe(true);
}, 300_000);
