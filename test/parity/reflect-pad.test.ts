import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { useEngine } from '../../ts/backend/engine.js';
import { UserError } from '../../ts/base/errors.js';
import { reflectPad, reflectPadReference } from '../../ts/ops/reflect-pad.js';
import { expectGradients } from '../helpers/finite-differences.js';
import { expectNoLeak } from '../helpers/leaks.js';
import { expectClose, randomTensor, resultsOn } from '../helpers/parity.js';

type Pad = typeof reflectPad;

function forwardAndBackward(reflect: Pad, shape: number[], pad: number): Tensor[] {
  const x = randomTensor<tf.Rank.R4>(shape, 1);
  const [n, h, w, c] = x.shape;
  const weights = randomTensor([n, h + 2 * pad, w + 2 * pad, c], 2);
  const loss = (at: Tensor) => tf.sum<tf.Scalar>(tf.mul(reflect(at as Tensor4D, pad), weights));
  const penalty = (at: Tensor) => tf.sum<tf.Scalar>(tf.square(tf.grad(quadratic)(at)));
  const quadratic = (at: Tensor) => tf.sum<tf.Scalar>(tf.square(tf.mul(reflect(at as Tensor4D, pad), weights)));
  return [reflect(x, pad), tf.grad(loss)(x), tf.grad(penalty)(x)];
}

describe('reflectPad', () => {
  test.each([
    [[1, 2, 2, 1], 1],
    [[2, 3, 4, 5], 2],
    [[1, 4, 4, 3], 3],
    [[3, 7, 5, 17], 4],
    [[1, 48, 48, 3], 3],
    [[2, 12, 11, 64], 1],
    [[2, 3, 3, 2], 0],
  ])('is what tfjs ops give on %j, pad %d, with first and second gradients', async (shape, pad) => {
    const expected = await resultsOn('cpu', () => forwardAndBackward(reflectPadReference, shape, pad));
    const actual = await resultsOn('native', () => forwardAndBackward(reflectPad, shape, pad));
    expectClose(actual.slice(0, 1), expected.slice(0, 1), {}); // copies
    // Sums of up to nine values, in another order.
    expectClose(actual, expected, { absolute: 1e-5, relative: 1e-5 });
  });

  test.each(['cpu', 'native'] as const)('is what mirrorPad gives on %s', async (engine) => {
    await useEngine(engine);
    tf.tidy(() => {
      const x = randomTensor<tf.Rank.R4>([2, 5, 4, 3], 3);
      const sides: [number, number] = [3, 3];
      const wanted = tf.mirrorPad(x, [[0, 0], sides, sides, [0, 0]], 'reflect');
      expect(reflectPad(x, 3).dataSync()).toEqual(wanted.dataSync());
    });
  });

  test.each(['cpu', 'native'] as const)('has the right gradient on %s', async (engine) => {
    await useEngine(engine);
    tf.tidy(() => {
      const row = tf.tensor4d([1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 4, 1]);
      const dx = tf.grad((x: Tensor) => tf.sum(reflectPad(x as Tensor4D, 1)))(row);
      expect(Array.from(dx.dataSync())).toEqual([2, 4, 4, 2, 2, 4, 4, 2]);
      expectGradients((x) => tf.square(reflectPad(x as Tensor4D, 2)), [randomTensor([2, 3, 4, 2], 4)]);
    });
  });
});

describe('reflectPad, natively', () => {
  beforeAll(() => useEngine('native'));

  test.each([-1, 0.5, 3, NaN])('refuses a pad of %d', (pad) => {
    const x = tf.zeros<tf.Rank.R4>([1, 3, 4, 1]);
    expect(() => reflectPad(x, pad)).toThrow(UserError);
    x.dispose();
  });

  test('passes NaN on', () => {
    tf.tidy(() => {
      const y = reflectPad(tf.tensor4d([1, 2, 3, NaN], [1, 2, 2, 1]), 1);
      expect(Array.from(y.dataSync(), Number.isNaN).filter(Boolean)).toHaveLength(4);
    });
  });

  test('frees what it made', () => expectNoLeak(() => void forwardAndBackward(reflectPad, [2, 4, 4, 3], 2)));
});
