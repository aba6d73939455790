import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { useEngine } from '../../ts/backend/engine.js';
import { Philox } from '../../ts/base/random.js';
import { CollapseWatch } from '../../ts/train/collapse.js';
import { DataOrder } from '../../ts/data/data-order.js';
import { LossWindow, type Losses } from '../../ts/train/metrics.js';
import { presets } from '../../ts/train/presets.js';
import { ReplayBuffer } from '../../ts/train/replay-buffer.js';
import { makeSchedule } from '../../ts/train/schedule.js';
import { lossNames } from '../../ts/train/losses.js';

beforeAll(() => useEngine('cpu'));

describe('schedule', () => {
  const config = { ...presets['paper-ecyclegan'], epochsFlat: 2, epochsDecay: 2, stepsPerEpoch: 10 };

  test('an epoch is as long as the larger class', () => {
    const { stepsPerEpoch, totalSteps } = makeSchedule({ ...config, stepsPerEpoch: null, batchSize: 4 }, 435, 4931);
    expect([stepsPerEpoch, totalSteps]).toEqual([1233, 4 * 1233]);
  });

  test('the learning rate is flat, then falls in a straight line to 0', () => {
    const { learningRate, totalSteps } = makeSchedule(config, 5, 5);
    expect([0, 19, 20, 30, totalSteps].map(learningRate)).toEqual([2e-4, 2e-4, 2e-4, 1e-4, 0]);
  });

  test('noise falls in a straight line to 0 and stays there', () => {
    const { noise } = makeSchedule({ ...config, instanceNoise: 0.1, instanceNoiseEpochs: 2 }, 5, 5);
    expect([0, 10, 20, 30].map(noise)).toEqual([0.1, 0.05, 0, 0]);
  });

  test("the rare class's discriminator rests after the warm-up alone", () => {
    const { updatesRare } = makeSchedule({ ...config, discriminatorEvery: 5, warmupEpochs: 1 }, 5, 5);
    const updated = Array.from({ length: 21 }, (_, i) => i).filter(updatesRare);
    expect(updated).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 20]);
  });
});

describe('data order', () => {
  const items = Int32Array.of(3, 5, 7, 9, 11);

  test('takes every image once a round, in another order', () => {
    const order = new DataOrder(items, 1, 1);
    const rounds = Array.from({ length: 6 }, () => Array.from({ length: 5 }, () => order.next()));
    for (const round of rounds) expect([...round].sort((a, b) => a - b)).toEqual([...items]);
    expect(new Set(rounds.map(String)).size).toBeGreaterThan(2);
  });

  test.each([0, 1, 4, 5, 13])('goes on exactly after %i draws', (draws) => {
    const one = new DataOrder(items, 7, 1);
    for (let i = 0; i < draws; i++) one.next();
    const two = new DataOrder(items, 7, 1);
    two.state = JSON.parse(JSON.stringify(one.state)) as typeof one.state;
    for (let i = 0; i < 12; i++) expect(two.next()).toBe(one.next());
  });
});

describe('replay buffer', () => {
  const image = (value: number): Tensor4D => tf.fill([1, 1, 1, 1], value);
  let tensors: number;
  beforeAll(() => {
    tensors = tf.memory().numTensors;
  });
  afterAll(() => expect(tf.memory().numTensors).toBe(tensors));

  /** Shows a batch to the buffer; returns what the discriminator would see. */
  function show(buffer: ReplayBuffer, batch: Tensor4D): number[] {
    const plan = buffer.plan(batch.shape[0]);
    const shown = tf.tidy(() => {
      const seen = tf.gather(tf.concat([batch, buffer.read(plan, batch)], 0), tf.tensor1d(plan.sources, 'int32'));
      buffer.write(plan, batch);
      return Array.from(seen.dataSync());
    });
    batch.dispose();
    return shown;
  }

  test('fills, then shows a stored image half of the time and keeps the new one in its place', () => {
    const buffer = new ReplayBuffer(5, new Philox(3));
    const held = () => buffer.contents().map((t) => t.dataSync()[0]!);
    for (let i = 0; i < 5; i++) expect(show(buffer, image(i))).toEqual([i]);
    expect(held()).toEqual([0, 1, 2, 3, 4]);
    let replayed = 0;
    for (let i = 5; i < 405; i++) {
      const before = held();
      const [seen] = show(buffer, image(i));
      const after = held();
      if (seen === i) expect(after).toEqual(before);
      else {
        replayed++;
        expect(before).toContain(seen);
        expect(after).toEqual(before.map((value) => (value === seen ? i : value)));
      }
    }
    expect(replayed).toBeGreaterThan(160);
    expect(replayed).toBeLessThan(240);
    buffer.dispose();
  });

  test('a batch is treated image by image, in order', () => {
    const one = new ReplayBuffer(3, new Philox(11));
    const many = new ReplayBuffer(3, new Philox(11));
    for (let start = 0; start < 80; start += 8) {
      const values = Array.from({ length: 8 }, (_, i) => start + i);
      const single = values.flatMap((value) => show(one, image(value)));
      expect(show(many, tf.tensor4d(values, [8, 1, 1, 1]))).toEqual(single);
    }
    one.dispose();
    many.dispose();
  });

  test('size 0 shows every image as it comes', () => {
    const buffer = new ReplayBuffer(0, new Philox(1));
    expect(show(buffer, tf.tensor4d([1, 2], [2, 1, 1, 1]))).toEqual([1, 2]);
    expect(buffer.contents()).toHaveLength(0);
  });
});

describe('watching losses', () => {
  const losses = (d: number): Losses =>
    Object.fromEntries(lossNames.map((name) => [name, name === 'discriminatorB' ? d : 0.25])) as Losses;

  test('warns of a discriminator that stays near 0, by the class it judges', () => {
    const watch = new CollapseWatch('lsgan', { discriminatorA: 'Neutral', discriminatorB: 'Disgust' });
    const warnings: string[] = [];
    for (let i = 0; i < 700; i++) warnings.push(...watch.add(losses(0.001)));
    expect(warnings.length).toBe(1);
    expect(warnings[0]).toContain('The discriminator of Disgust has won');
    for (let i = 0; i < 700; i++) expect(watch.add(losses(0.2))).toEqual([]);
  });

  test('says nothing of a low loss that recovers, or of wgan-gp', () => {
    const watch = new CollapseWatch('lsgan', { discriminatorA: 'A', discriminatorB: 'B' });
    for (let i = 0; i < 2000; i++) expect(watch.add(losses(i % 100 === 0 ? 1 : 0.001))).toEqual([]);
    const wasserstein = new CollapseWatch('wgan-gp', { discriminatorA: 'A', discriminatorB: 'B' });
    for (let i = 0; i < 2000; i++) expect(wasserstein.add(losses(-3))).toEqual([]);
  });

  test('averages over the steps since the last line, across a checkpoint', () => {
    const one = new LossWindow();
    one.add(losses(1));
    const two = new LossWindow();
    two.state = JSON.parse(JSON.stringify(one.state)) as typeof one.state;
    two.add(losses(4));
    expect(two.take().discriminatorB).toBe(2.5);
    two.add(losses(3));
    expect(two.take().discriminatorB).toBe(3);
  });
});
