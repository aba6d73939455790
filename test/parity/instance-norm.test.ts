import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { useEngine } from '../../ts/backend/engine.js';
import { instanceNorm, instanceNormReference, type InstanceNormOptions } from '../../ts/ops/instance-norm.js';
import { expectGradients } from '../helpers/finite-differences.js';
import { expectCloseToScale } from '../helpers/gradients.js';
import { expectNoLeak } from '../helpers/leaks.js';
import { expectClose, randomTensor, resultsOn } from '../helpers/parity.js';

type Norm = typeof instanceNorm;

/** Sums over a channel's pixels in another order, and tfjs's float sums: a few units of the last place. */
const tolerance = 2e-5;

const input = (shape: number[]) => randomTensor<tf.Rank.R4>(shape, 1, { low: -2, high: 3 });

function forwardAndBackward(norm: Norm, shape: number[], options: InstanceNormOptions): Tensor[] {
  const x = input(shape);
  const weights = randomTensor(shape, 2);
  const loss = (at: Tensor) => tf.sum<tf.Scalar>(tf.mul(norm(at as Tensor4D, options), weights));
  return [norm(x, options), tf.grad(loss)(x)];
}

/** The gradients by x and by what the first gradient was multiplied with, of a weighted first gradient. */
function secondOrder(norm: Norm, shape: number[], options: InstanceNormOptions): Tensor[] {
  const first = (x: Tensor, dy: Tensor) =>
    tf.grad((at: Tensor) => tf.sum<tf.Scalar>(tf.mul(norm(at as Tensor4D, options), dy)))(x);
  const weights = randomTensor(shape, 4);
  const grads = tf.grads((x: Tensor, dy: Tensor) => tf.sum<tf.Scalar>(tf.mul(first(x, dy), weights)));
  return grads([input(shape), randomTensor(shape, 3)]);
}

const variants: InstanceNormOptions[] = [
  {},
  { activation: 'relu', eps: 1e-3 },
  { activation: 'leakyRelu' },
  { activation: 'leakyRelu', slope: 0.01 },
];

describe.each(variants)('instanceNorm %j', (options) => {
  test.each([
    [[1, 1, 2, 1]],
    [[2, 3, 3, 5]],
    [[1, 6, 6, 64]],
    [[3, 7, 5, 37]],
    [[2, 12, 12, 16]],
    [[1, 24, 24, 96]],
    [[1, 48, 47, 3]],
    // On a GPU: more pixels than a block of threads keeps, and samples enough for wider blocks.
    [[1, 70, 69, 8]],
    [[1, 50, 100, 3]],
    [[33, 4, 3, 64]],
  ])('is what tfjs ops give on %j', async (shape) => {
    const expected = await resultsOn('cpu', () => forwardAndBackward(instanceNormReference, shape, options));
    const actual = await resultsOn('native', () => forwardAndBackward(instanceNorm, shape, options));
    expectCloseToScale(actual, expected, tolerance, ['y', 'dx']);
  });

  test.each([[[1, 2, 3, 2]], [[2, 5, 5, 17]]])('has the second gradients that tfjs ops have on %j', async (shape) => {
    const expected = await resultsOn('cpu', () => secondOrder(instanceNormReference, shape, options));
    const actual = await resultsOn('native', () => secondOrder(instanceNorm, shape, options));
    // A product of three means: errors of each add up.
    expectCloseToScale(actual, expected, 1e-4, ['by x', 'by dy']);
  });
});

describe.each(['cpu', 'native'] as const)('instanceNorm on %s, by differences', (engine) => {
  beforeAll(() => useEngine(engine));
  const shape = [2, 3, 4, 3];

  test('has the right gradient', () => {
    for (const activation of ['linear', 'leakyRelu'] as const)
      expectGradients((x) => instanceNorm(x as Tensor4D, { activation }), [randomTensor(shape, 5)]);
  });

  test('has the right gradient of its gradient', () => {
    const dy = randomTensor(shape, 6);
    const gradient = (x: Tensor, weights: Tensor) =>
      tf.grad((at: Tensor) =>
        tf.sum<tf.Scalar>(tf.mul(instanceNorm(at as Tensor4D, { activation: 'leakyRelu' }), weights)),
      )(x);
    expectGradients(gradient, [randomTensor(shape, 7), dy]);
  });
});

describe('instanceNorm', () => {
  beforeAll(() => useEngine('native'));

  test('gives channels of mean 0 and variance 1, also far from 0', () => {
    tf.tidy(() => {
      const x = tf.add<Tensor4D>(randomTensor<tf.Rank.R4>([2, 24, 24, 2], 8), tf.tensor1d([1000, -3]));
      const { mean, variance } = tf.moments(instanceNorm(x), [1, 2]);
      for (const m of mean.dataSync()) expect(Math.abs(m)).toBeLessThan(1e-3);
      for (const v of variance.dataSync()) expect(v).toBeCloseTo(1, 2);
    });
  });

  test('passes NaN on within its sample and channel alone', () => {
    tf.tidy(() => {
      const x = tf.tensor4d([1, NaN, 3, 4, 5, 6, 7, 9], [2, 2, 1, 2]);
      for (const activation of ['linear', 'relu', 'leakyRelu'] as const) {
        const y = instanceNorm(x, { activation });
        expect(Array.from(y.dataSync(), Number.isNaN)).toEqual([0, 1, 0, 1, 0, 0, 0, 0].map(Boolean));
      }
    });
  });

  test('takes a constant channel', async () => {
    const compute = (norm: Norm) => () => [
      norm(tf.fill([1, 4, 4, 2], 3), { activation: 'relu' }),
      tf.grad((x: Tensor) => tf.sum(norm(x as Tensor4D)))(tf.fill([1, 4, 4, 2], 3)),
    ];
    const expected = await resultsOn('cpu', compute(instanceNormReference));
    // Of a rounding error times 1 / sqrt(eps), both.
    expectClose(await resultsOn('native', compute(instanceNorm)), expected, { absolute: 1e-4 });
  });

  test('frees what it made', () => {
    expectNoLeak(() => {
      forwardAndBackward(instanceNorm, [2, 4, 4, 3], { activation: 'leakyRelu' });
      secondOrder(instanceNorm, [2, 4, 4, 3], { activation: 'relu' });
    });
  });
});
