import * as tf from '@tensorflow/tfjs-core';
import type { Tensor } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { useEngine } from '../../ts/backend/engine.js';
import { adversarialLoss, discriminatorLoss, l1 } from '../../ts/train/losses.js';

beforeAll(() => useEngine('cpu'));

const map = (...values: number[]) => tf.tensor4d(values, [2, 1, values.length / 2, 1]);
const labels = (...values: number[]) => tf.tensor4d(values, [values.length, 1, 1, 1]);
const value = (scalar: Tensor) => scalar.dataSync()[0]!;
const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
/** Binary cross-entropy of a logit, by its definition. */
const entropy = (logit: number, label: number) => {
  const p = 1 / (1 + Math.exp(-logit));
  return -(label * Math.log(p) + (1 - label) * Math.log(1 - p));
};

describe('adversarial losses', () => {
  const real = [0.9, 1.4, -0.3, 0.2];
  const fake = [-0.5, 0.1, 2, -3];

  test('lsgan', () => {
    expect(value(adversarialLoss('lsgan', map(...fake)))).toBeCloseTo(mean(fake.map((x) => (x - 1) ** 2)), 5);
    const expected = 0.5 * (mean(real.map((x) => (x - 1) ** 2)) + mean(fake.map((x) => x ** 2)));
    expect(value(discriminatorLoss('lsgan', map(...real), map(...fake), labels(1, 1)))).toBeCloseTo(expected, 5);
  });

  test('vanilla is binary cross-entropy', () => {
    expect(value(adversarialLoss('vanilla', map(...fake)))).toBeCloseTo(mean(fake.map((x) => entropy(x, 1))), 5);
    const expected = 0.5 * (mean(real.map((x) => entropy(x, 1))) + mean(fake.map((x) => entropy(x, 0))));
    expect(value(discriminatorLoss('vanilla', map(...real), map(...fake), labels(1, 1)))).toBeCloseTo(expected, 5);
  });

  test('wgan-gp is the difference of means', () => {
    expect(value(adversarialLoss('wgan-gp', map(...fake)))).toBeCloseTo(-mean(fake), 5);
    expect(value(discriminatorLoss('wgan-gp', map(...real), map(...fake), labels(1, 1)))).toBeCloseTo(
      mean(fake) - mean(real),
      5,
    );
  });

  test('a flipped label turns the first real image into a fake, and no other', () => {
    const [first, second] = [real.slice(0, 2), real.slice(2)];
    const loss = (kind: Parameters<typeof discriminatorLoss>[0]) =>
      value(discriminatorLoss(kind, map(...real), map(0, 0, 0, 0), labels(0, 1)));
    expect(loss('lsgan')).toBeCloseTo(0.5 * mean([...first.map((x) => x ** 2), ...second.map((x) => (x - 1) ** 2)]), 5);
    expect(loss('vanilla')).toBeCloseTo(
      0.5 * (mean([...first.map((x) => entropy(x, 0)), ...second.map((x) => entropy(x, 1))]) + Math.log(2)),
      5,
    );
    expect(loss('wgan-gp')).toBeCloseTo(mean([...first, ...second.map((x) => -x)]), 5);
  });

  test('l1 is a mean', () => {
    expect(value(l1(tf.tensor1d([1, 2, -1]), tf.tensor1d([0, 4, -1])))).toBeCloseTo(1, 6);
  });
});
