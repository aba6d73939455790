import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as rareface from '../../ts/index.js';
import { tinyRun, writeTinyFaces } from '../helpers/tiny-run.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rareface-library-'));
  await writeTinyFaces(join(folder, 'faces'));
});
afterAll(() => rm(folder, { recursive: true }));

test('a run from its configuration to new faces, through the library alone', async () => {
  const runs = join(folder, 'runs');
  const config = await rareface.resolveConfig({
    preset: 'paper-ecyclegan',
    settings: { ...tinyRun, data: join(folder, 'faces'), runs, maxSteps: 5 },
  });
  const plan = await rareface.dryRun(config);
  expect(plan).toMatchObject({ classA: 'Neutral', classB: 'Disgust', imagesA: 5, imagesB: 3, totalSteps: 24 });
  expect(plan.secondsPerStep).toBeGreaterThan(0);
  expect(await readdir(folder)).toEqual(['faces']);

  const { folder: run, step } = await rareface.trainCycleGan(config);
  expect(step).toBe(5);
  const longer = rareface.resumeConfig(await rareface.readRunConfig(run), { maxSteps: 7 });
  expect(await rareface.trainCycleGan(longer, { resume: run })).toMatchObject({ folder: run, step: 7 });

  const early = rareface.resumePoint(join(run, 'checkpoints', 'step-000005'));
  const onnx = join(folder, 'early.onnx');
  expect(await rareface.exportGenerator(early, { direction: 'ab', out: onnx })).toBe(5);
  const out = join(folder, 'out');
  const { count, className } = await rareface.augment({ onnx, n: 2, out, provider: 'cpu', threads: 1 });
  expect({ count, className }).toEqual({ count: 2, className: 'Disgust' });
  expect(await readFile(join(out, 'manifest.csv'), 'utf8')).toContain('Disgust/00002.png');
});

test('a feature network from its settings to its score, through the library alone', async () => {
  const config = rareface.resolvePretrain({
    ...{ data: join(folder, 'faces'), size: 16, width: 1 / 64, smallFraction: 0, batchSize: 2, epochs: 1 },
    ...{ holdout: 0.3, out: join(folder, 'net.safetensors') },
  });
  const result = await rareface.pretrain(config);
  const { score } = await rareface.evaluatePretrained({ ...config, weights: result!.file });
  expect(score.images).toBe(result!.score.images);
  expect((await rareface.loadFeatureNetwork(result!.file)).width).toBe(1 / 64);
});
