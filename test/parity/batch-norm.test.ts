import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor1D } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { useEngine } from '../../ts/backend/engine.js';
import { batchNormTrain, batchNormTrainReference } from '../../ts/ops/batch-norm.js';
import { expectClose, randomTensor, resultsOn } from '../helpers/parity.js';

const tolerance = { absolute: 2e-5, relative: 1e-4 };
type Norm = typeof batchNormTrain;

/** The result and the gradients of a weighted sum of it. */
function forwardAndBackward(norm: Norm, shape: number[], activation: 'linear' | 'relu'): Tensor[] {
  const channels = shape.at(-1)!;
  const x = randomTensor(shape, 1, { low: -2, high: 3 });
  const scale = randomTensor<tf.Rank.R1>([channels], 2, { low: 0.5, high: 2 });
  const offset = randomTensor<tf.Rank.R1>([channels], 3);
  const weights = randomTensor(shape, 4);
  const loss = (...[a, s, o]: Tensor[]) =>
    tf.sum<tf.Scalar>(tf.mul(norm(a!, s as Tensor1D, o as Tensor1D, { activation }), weights));
  return [norm(x, scale, offset, { activation }), ...tf.grads(loss)([x, scale, offset])];
}

describe.each(['linear', 'relu'] as const)('batchNormTrain, %s', (activation) => {
  test.each([[[2, 3, 3, 5]], [[4, 1, 1, 16]], [[3, 7, 5, 33]], [[40, 24, 24, 3]], [[6, 70]]])(
    'is what tfjs ops give on %j',
    async (shape) => {
      const expected = await resultsOn('cpu', () => forwardAndBackward(batchNormTrainReference, shape, activation));
      const actual = await resultsOn('native', () => forwardAndBackward(batchNormTrain, shape, activation));
      expectClose(actual, expected, tolerance);
    },
  );
});

describe('batchNormTrain', () => {
  beforeAll(() => useEngine('native'));

  test('gives channels of mean 0 and variance 1, also far from 0', () => {
    tf.tidy(() => {
      const x = tf.add(randomTensor([8, 24, 24, 2], 5), tf.tensor1d([1000, -3]));
      const y = batchNormTrain(x, tf.ones([2]), tf.zeros([2]));
      const { mean, variance } = tf.moments(y, [0, 1, 2]);
      for (const m of mean.dataSync()) expect(Math.abs(m)).toBeLessThan(1e-3);
      for (const v of variance.dataSync()) expect(v).toBeCloseTo(1, 2);
    });
  });

  test('passes NaN on', () => {
    tf.tidy(() => {
      const y = batchNormTrain(
        tf.tensor2d([
          [1, NaN],
          [2, 3],
        ]),
        tf.ones([2]),
        tf.zeros([2]),
        { activation: 'relu' },
      );
      expect(Array.from(y.dataSync(), Number.isNaN)).toEqual([false, true, false, true]);
    });
  });

  test('frees what it made', () => {
    const before = tf.memory();
    tf.tidy(() => void forwardAndBackward(batchNormTrain, [2, 4, 4, 3], 'relu'));
    expect(tf.memory()).toEqual({
      ...before,
      peakBytes: expect.any(Number) as number,
      pooledBytes: expect.any(Number) as number,
    });
  });
});
