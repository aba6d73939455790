import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { augment, type AugmentOptions } from '../../ts/augment/augment.js';
import { chooseCandidates, ranksOf } from '../../ts/augment/select/choose.js';
import { trainCycleGan } from '../../ts/train/train.js';
import { tinyGenerator } from '../helpers/generators.js';
import { tinyConfig, writeTinyFaces } from '../helpers/tiny-run.js';

const line = (...xs: number[]) => ({ count: xs.length, dimensions: 1, values: Float32Array.from(xs) });
const any = [0, 1, 2, 3, 4];

describe('choosing candidates', () => {
  test('takes the best, no more of a source than allowed', () => {
    const quality = [0.1, 0.9, 0.8, 0.7, 0.2];
    const choose = (perSource: number | null, n = 3) =>
      chooseCandidates(quality, [7, 5, 5, 5, 7], undefined, { n, perSource, diversity: 0 });
    expect(choose(null)).toEqual([1, 2, 3]);
    expect(choose(2)).toEqual([1, 2, 4]);
    expect(choose(1)).toEqual([1, 4]);
  });

  test('takes those far from each other where diversity counts', () => {
    // A good one, two that are nearly the same, one nearly as good, and a bad one far from all.
    const quality = [1, 0.99, 0.98, 0.9, 0];
    const choose = (diversity: number) =>
      chooseCandidates(quality, any, line(0, 0.1, 0.2, 5, 10), { n: 3, perSource: null, diversity });
    expect(choose(0)).toEqual([0, 1, 2]);
    expect(choose(0.3)).toEqual([0, 3, 1]);
    expect(choose(1)).toEqual([0, 4, 3]);
  });

  test('gives equal candidates in their order', () => {
    expect(chooseCandidates([1, 1, 1], [0, 1, 2], line(3, 3, 3), { n: 2, perSource: 1, diversity: 0.5 })).toEqual([
      0, 1,
    ]);
  });
});

test('ranks are the same for equal scores, and run from 0 to 1', () => {
  expect([...ranksOf([5, -1, 5, 100, 7])]).toEqual([0.375, 0, 0.375, 1, 0.75]);
  expect([...ranksOf([3])]).toEqual([1]);
});

describe('augment with a selection', () => {
  let folder: string;
  let data: string;
  let run: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'select-'));
    data = join(folder, 'faces');
    await writeTinyFaces(data);
    ({ folder: run } = await trainCycleGan({ ...tinyConfig, data, runs: join(folder, 'runs'), maxSteps: 3 }));
  });
  afterAll(() => rm(folder, { recursive: true }));

  let outs = 0;
  let begun = false;
  const onStart = () => (begun = true);
  const select = async (options: Partial<AugmentOptions>) => {
    const out = join(folder, `out${outs++}`);
    begun = false;
    const { count } = await augment({
      onnx: join(run, 'gen_ab.onnx'),
      n: 6,
      out,
      engine: 'native',
      ...options,
      onStart,
    });
    const manifest = await readFile(join(out, 'manifest.csv'), 'utf8');
    return { count, manifest, rows: parse<Record<string, string>>(manifest, { columns: true }) };
  };

  test('keeps the best by each score, few of one source, and says the scores', async () => {
    const settings = { select: ['discriminator', 'classifier', 'density'], candidates: 3, seed: 4 } as const;
    const { count, rows, manifest } = await select(settings);
    expect([count, rows.length]).toEqual([6, 6]);
    expect(Object.keys(rows[0]!).slice(-4)).toEqual([
      'score',
      'score_discriminator',
      'score_classifier',
      'score_density',
    ]);
    for (const row of rows) {
      expect(Number(row['score_classifier'])).toBeGreaterThan(0);
      expect(Number(row['score'])).toBeGreaterThanOrEqual(0);
    }
    // Five sources for six faces: two of one at most.
    const uses = rows.map(({ source }) => rows.filter((other) => other['source'] === source).length);
    expect(Math.max(...uses)).toBeLessThanOrEqual(2);
    expect((await select(settings)).manifest).toBe(manifest);
  });

  test('keeps those that the discriminator finds most real', async () => {
    const best = { select: ['discriminator'], diversity: 0, perSource: 100 } as const;
    const { rows: all } = await select({ ...best, n: 18, candidates: 1 });
    const { rows: some } = await select({ ...best, candidates: 3 });
    const scores = all.map((row) => Number(row['score_discriminator'])).sort((a, b) => b - a);
    expect(new Set(scores).size).toBeGreaterThan(10);
    expect(some.map((row) => Number(row['score_discriminator']))).toEqual(scores.slice(0, 6));
  });

  test('is refused where it cannot be', async () => {
    await expect(select({ candidates: 2 })).rejects.toThrow('--candidates changes nothing without --select.');
    await expect(select({ run, select: ['density'] })).rejects.toThrow(
      '--run changes nothing without --select discriminator.',
    );
    await expect(select({ select: ['density'], perSource: 1 })).rejects.toThrow(
      /5 sources can give 5 faces at 1 of each/,
    );
    expect(begun).toBe(false);
    const onnx = join(folder, 'alone.onnx');
    await writeFile(onnx, await tinyGenerator({ size: 16, data }));
    await expect(select({ onnx, select: ['discriminator'] })).rejects.toThrow(/alone\.onnx lies in no run's folder/);
    expect(begun).toBe(false);
    expect((await select({ onnx, run, select: ['discriminator'] })).count).toBe(6);
  });
});
