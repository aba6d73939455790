import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { useEngine } from '../../ts/backend/engine.js';
import { Philox } from '../../ts/base/random.js';
import type { FaceSet } from '../../ts/data/faces.js';
import type { HostParams } from '../../ts/models/network.js';
import { drawChoices, drawNormal } from '../../ts/train/draws.js';
import type { TrainConfig } from '../../ts/train/options.js';
import { PerceptualFeatures } from '../../ts/train/perceptual-features.js';
import { Trainer, type Position } from '../../ts/train/trainer.js';
import { tinyConfig } from '../helpers/tiny-run.js';

beforeAll(() => useEngine('native'));

const { size } = tinyConfig;
/** Noise for faces: 7 of Neutral, 4 of Disgust. */
const faces: FaceSet = {
  size,
  channels: 1,
  count: 11,
  classNames: ['Neutral', 'Disgust'],
  pixels: Uint8Array.from({ length: 11 * size * size }, (_, i) => new Philox(3, 0, i).integer(256)),
  labels: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1),
  groups: Int32Array.from({ length: 11 }, (_, i) => i),
  source: (i) => `face ${i}`,
  skipped: [],
};
const tiny: TrainConfig = {
  ...tinyConfig,
  stepsPerEpoch: 4,
  batchSize: 2,
  poolSize: 2,
};
const remedies: Partial<TrainConfig> = {
  labelFlip: 0.3,
  instanceNoise: 0.1,
  diffAugment: ['color', 'translation', 'cutout'],
  discriminatorEvery: 3,
  warmupEpochs: 1,
};

async function advance(trainer: Trainer, steps: number): Promise<void> {
  for (let i = 0; i < steps; i++) await trainer.advance();
  await trainer.readLosses();
}

const bytesOf = (tensors: HostParams): Record<string, string> =>
  Object.fromEntries(
    Object.entries(tensors).map(([name, { values }]) => [
      name,
      Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64'),
    ]),
  );

describe.each([
  ['as it is', {}],
  ['that looks at single images, and keeps none', { batchSize: 1, poolSize: 0, lambdaIdentity: 0, keepLight: true }],
  ['of residual blocks', { generator: 'cyclegan', resBlocks: 1, ganLoss: 'vanilla' }],
  ['with every remedy', remedies],
  ['wgan-gp', { ganLoss: 'wgan-gp' }],
  ['with features', { perceptualAlpha: 0.5, perceptualBeta: 0.5, featureLayers: ['relu2_1'] }],
] satisfies [string, Partial<TrainConfig>][])('a trainer %s', (_, change) => {
  const config = { ...tiny, ...change };

  test('restored from its state goes on to the bit, whatever else was computed', async () => {
    const features = await PerceptualFeatures.load(config);
    const whole = new Trainer(config, faces, features);
    await advance(whole, 10);

    const first = new Trainer(config, faces, features);
    await advance(first, 5);
    const tensors = await first.tensors();
    const position = JSON.parse(JSON.stringify(first.position)) as Position;
    await advance(first, 1);
    const fresh = await PerceptualFeatures.load(config);
    const second = new Trainer(config, faces, fresh);
    await advance(second, 1);
    second.restore(tensors, position);
    await advance(second, 5);

    expect(bytesOf(await second.tensors())).toEqual(bytesOf(await whole.tensors()));
    expect(second.position).toEqual(whole.position);
    for (const trainer of [whole, first, second]) trainer.dispose();
    features?.dispose();
    fresh?.dispose();
  });

  test('gives the same bits whether its step is recorded or not', async () => {
    const [recorded, called] = await Promise.all(
      [true, false].map(async (capture) => {
        const features = await PerceptualFeatures.load(config);
        const trainer = new Trainer({ ...config, capture }, faces, features);
        await advance(trainer, 8);
        const tensors = bytesOf(await trainer.tensors());
        const means = trainer.takeMeans();
        trainer.dispose();
        features?.dispose();
        return { tensors, means };
      }),
    );
    expect(recorded).toEqual(called);
  });

  test('keeps no more tensors or bytes as steps go by, and none at the end', async () => {
    const tensors = tf.memory().numTensors;
    const features = await PerceptualFeatures.load(config);
    const trainer = new Trainer({ ...config, flip: false }, faces, features);
    // Until the pools are full, every image's features are known and every kind of step is recorded.
    await advance(trainer, 8);
    const count = () => {
      const { numTensors, numBytes, bytes } = tf.memory() as ReturnType<typeof tf.memory> & { bytes: number };
      return { numTensors, numBytes, bytes };
    };
    const before = count();
    await advance(trainer, 4);
    expect(count()).toEqual(before);
    trainer.dispose();
    features?.dispose();
    expect(tf.memory().numTensors).toBe(tensors);
  });
});

test("alternation rests the rare class's discriminator alone", async () => {
  const trainer = new Trainer({ ...tiny, ...remedies }, faces);
  // All of the first 4 steps, then every third: 4, 7, 10.
  await advance(trainer, 12);
  expect(trainer.position.updates).toEqual({
    generatorAB: 12,
    generatorBA: 12,
    discriminatorA: 12,
    discriminatorB: 7,
  });
  trainer.dispose();
  const other = new Trainer({ ...tiny, ...remedies, rareClass: 'from' }, faces);
  await advance(other, 12);
  expect(other.position.updates).toMatchObject({ discriminatorA: 7, discriminatorB: 12 });
  other.dispose();
});

describe('draws', () => {
  test('choices come true as often as told, and depend on the step alone', () => {
    const flips = Array.from({ length: 2000 }, (_, step) => drawChoices(1, 'labels', step, 2, 0.05)).flat();
    const rate = flips.filter(Boolean).length / flips.length;
    expect(rate).toBeGreaterThan(0.04);
    expect(rate).toBeLessThan(0.06);
    expect(drawChoices(1, 'labels', 1234, 2, 0.05)).toEqual(flips.slice(2468, 2470));
    expect(drawChoices(1, 'labels', 7, 100, 0).some(Boolean)).toBe(false);
  });

  test('noise has the deviation told, and is new every step', () => {
    const [one, two] = [5, 6].map((step) => drawNormal(1, 'noise', step, 4000, 0.1));
    const mean = one!.reduce((sum, x) => sum + x, 0) / 4000;
    expect(Math.abs(mean)).toBeLessThan(0.006);
    expect(Math.sqrt(one!.reduce((sum, x) => sum + x * x, 0) / 4000)).toBeCloseTo(0.1, 2);
    expect(one!.filter((x) => two!.includes(x)).length).toBeLessThan(4);
  });
});

test('reads the losses of every step at once, and only when asked', async () => {
  const trainer = new Trainer(tiny, faces);
  for (let i = 0; i < 5; i++) await trainer.advance();
  expect(() => trainer.position).toThrow('Read the losses');
  const { losses } = await trainer.readLosses();
  expect(losses).toHaveLength(5);
  expect(new Set(losses.map((step) => step.cycleA)).size).toBe(5);
  expect((await trainer.readLosses()).losses).toEqual([]);
  expect(trainer.takeMeans().cycleA).toBeCloseTo(losses.reduce((sum, step) => sum + step.cycleA, 0) / 5, 10);
  trainer.dispose();
});

test('another seed gives another run', async () => {
  const weights = async (seed: number) => {
    const trainer = new Trainer({ ...tiny, seed }, faces);
    await advance(trainer, 1);
    const bytes = bytesOf(await trainer.tensors());
    trainer.dispose();
    return bytes;
  };
  const [one, again, other] = [await weights(1), await weights(1), await weights(2)];
  expect(again).toEqual(one);
  expect(other['generatorAB/encoder.0.filter']).not.toBe(one['generatorAB/encoder.0.filter']);
});
