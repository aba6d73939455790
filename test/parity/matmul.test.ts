import * as tf from '@tensorflow/tfjs-core';
import { describe, test } from 'vitest';
import { expectClose, expectParity, randomTensor, resultsOn } from '../helpers/parity.js';

/** As for convolutions (conv.test.ts): float32 sums of k products against tfjs's double ones. */
const sumOf = (k: number) => ({ absolute: 4e-6 * Math.sqrt(Math.max(1, k)), relative: 1e-6 });

/** Rows, inner, columns: about the edges of tiles (14 or 6 by 32, 16 or 8), vectors and passes. */
const sizes: [number, number, number][] = [
  [1, 1, 1],
  [1, 300, 7],
  [14, 16, 32],
  [15, 17, 33],
  [13, 15, 31],
  [6, 8, 16],
  [7, 9, 17],
  [40, 5, 3],
  [40, 50, 1],
  [9, 20, 4],
  [300, 3, 5],
  [3, 2600, 20],
  [3, 2600, 2],
  [33, 600, 40],
  [4, 0, 5],
];

const matrix = (rows: number, cols: number, transposed: boolean, seed: number) =>
  randomTensor<tf.Rank.R2>(transposed ? [cols, rows] : [rows, cols], seed);

describe.each(sizes)('%i x %i x %i', (m, k, n) => {
  test.each([
    [false, false],
    [false, true],
    [true, false],
    [true, true],
  ])('transposed: %s, %s', async (ta, tb) => {
    await expectParity(() => tf.matMul(matrix(m, k, ta, 1), matrix(k, n, tb, 2), ta, tb), sumOf(k));
  });
});

describe('stacks', () => {
  test.each([
    ['equal', [3, 5, 6], [3, 6, 7]],
    ['one matrix on the right', [3, 5, 6], [1, 6, 7]],
    ['one matrix on the left', [1, 5, 6], [3, 6, 7]],
    ['a plain matrix on the right', [2, 3, 5, 6], [6, 7]],
    ['two levels', [2, 3, 5, 6], [2, 3, 6, 7]],
  ])('%s', async (_, a, b) => {
    await expectParity(() => tf.matMul(randomTensor(a, 1), randomTensor(b, 2)), sumOf(6));
  });

  // tfjs's cpu backend takes the wrong matrices here, so the reference is each product by itself.
  test('that broadcast both ways', async () => {
    const a = () => randomTensor<tf.Rank.R4>([2, 1, 5, 6], 1);
    const b = () => randomTensor<tf.Rank.R3>([3, 6, 7], 2);
    const product = () => tf.matMul(a(), b());
    const each = () =>
      tf.stack(tf.unstack(a()).map((x) => tf.stack(tf.unstack(b()).map((y) => tf.matMul(tf.squeeze(x, [0]), y)))));
    expectClose(await resultsOn('native', product), await resultsOn('native', each), {});
  });

  test('gradients', async () => {
    const run = () => {
      const f = (a: tf.Tensor, b: tf.Tensor) => tf.matMul(a, b, true, false);
      return tf.grads(f)([randomTensor([3, 17, 5], 1), randomTensor([3, 17, 33], 2)], randomTensor([3, 5, 33], 3));
    };
    await expectParity(run, sumOf(33));
  });
});

describe('fused', () => {
  const activations = ['linear', 'relu', 'relu6', 'elu', 'leakyrelu', 'prelu', 'sigmoid'] as const;
  test.each(activations)('%s', async (activation) => {
    const run = () =>
      tf.fused.matMul({
        a: randomTensor<tf.Rank.R2>([9, 20], 1, { low: -3, high: 3 }),
        b: randomTensor<tf.Rank.R2>([20, 35], 2),
        bias: randomTensor([35], 3),
        activation,
        ...(activation === 'prelu' ? { preluActivationWeights: randomTensor([35], 4) } : {}),
        leakyreluAlpha: 0.3,
      });
    await expectParity(run, sumOf(20 * 9));
  });
  test('a transposed left factor and a bias for each element', async () => {
    const run = () =>
      tf.fused.matMul({
        a: randomTensor<tf.Rank.R2>([20, 9], 1),
        b: randomTensor<tf.Rank.R2>([20, 35], 2),
        transposeA: true,
        bias: randomTensor([9, 35], 3),
        activation: 'relu',
      });
    await expectParity(run, sumOf(20));
  });
});

test.each([
  [false, false],
  [true, true],
])('integers, transposed: %s, %s', async (ta, tb) => {
  const large = { low: -30000, high: 30000, dtype: 'int32' } as const; // products beyond a float32's 24 bits
  const run = () => {
    const a = randomTensor<tf.Rank.R3>(ta ? [2, 3, 5] : [2, 5, 3], 1, large);
    const b = randomTensor<tf.Rank.R3>(tb ? [2, 7, 3] : [2, 3, 7], 2, { low: -20000, high: 20000, dtype: 'int32' });
    return tf.matMul(a, b, ta, tb);
  };
  await expectParity(run, {});
});
