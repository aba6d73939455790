import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { expectParity, onCpu, randomTensor, resultsOn } from '../helpers/parity.js';

type Reduction = (x: tf.Tensor, axis?: number | number[]) => tf.Tensor;

const shapes = [[5], [3, 4, 5, 6], [2, 300, 7], [20, 3000], [40_000, 3], [3, 40_000], [2, 1, 3, 1], [3, 2, 1, 4, 2, 3]];
const subsets = (rank: number): number[][] =>
  Array.from({ length: 1 << rank }, (_, mask) =>
    Array.from({ length: rank }, (_, i) => i).filter((i) => (mask >> i) & 1),
  );

describe.each(shapes.map((shape) => [shape.join(), shape] as const))('[%s]', (_, shape) => {
  test('over every set of axes', async () => {
    // float32 sums: tfjs adds in double and rounds once, ours adds blocks of at most 512 in float32,
    // each term below 1: a block errs by a few ulp of its partial sums.
    const size = tf.util.sizeFromShape(shape);
    const sums = { relative: 1e-6, absolute: 2e-7 * Math.sqrt(size) };
    const near = { low: 0.99, high: 1.01 }; // so that products stay in range
    const integer = { low: -9, high: 10, dtype: 'int32' as const };
    const bool = { low: -1, high: 0.1, dtype: 'bool' as const };
    for (const axes of subsets(shape.length)) {
      await expectParity(() => tf.sum(randomTensor(shape), axes), sums, `sum ${axes.join()}`);
      await expectParity(() => tf.max(randomTensor(shape), axes, true), {}, `max ${axes.join()}`);
      await expectParity(
        () => tf.mean(randomTensor(shape), axes, true),
        { relative: 1e-6, absolute: 3e-7 },
        `mean ${axes.join()}`,
      );
      await expectParity(() => tf.min(randomTensor(shape), axes), {}, `min ${axes.join()}`);
      // Ours multiplies in double, as tfjs: only the final rounding.
      await expectParity(() => tf.prod(randomTensor(shape, 1, near), axes), { relative: 1e-7 }, `prod ${axes.join()}`);
      for (const f of [tf.sum, tf.max, tf.min] as Reduction[])
        await expectParity(() => f(randomTensor(shape, 2, integer), axes), {}, `${f.name} of integers, ${axes.join()}`);
      for (const f of [tf.any, tf.all, tf.sum] as Reduction[])
        await expectParity(() => f(randomTensor(shape, 3, bool), axes), {}, `${f.name} of bools, ${axes.join()}`);
    }
  });

  test('argMax, argMin, cumsum, cumprod along every axis', async () => {
    const integer = { low: 0, high: 5, dtype: 'int32' as const };
    for (let axis = 0; axis < shape.length; axis++) {
      await expectParity(() => tf.argMax(randomTensor(shape), axis), {}, `argMax ${axis}`);
      await expectParity(() => tf.argMin(randomTensor(shape, 1, integer), axis), {}, `argMin ${axis}`);
      if (tf.util.sizeFromShape(shape) > 10_000) continue;
      for (const [exclusive, reverse] of [
        [false, false],
        [true, false],
        [true, true],
      ] as const) {
        // All go on in float32, but a GPU has many threads at it, in an order of their own.
        const [sums, products] = onCpu ? [{}, {}] : [{ absolute: 1e-5 }, { relative: 3e-6 }];
        await expectParity(() => tf.cumsum(randomTensor(shape), axis, exclusive, reverse), sums, `cumsum ${axis}`);
        await expectParity(
          () => tf.cumprod(randomTensor(shape, 1, { low: 0.9, high: 1.1 }), axis, exclusive, reverse),
          products,
          `cumprod ${axis}`,
        );
        await expectParity(() => tf.cumsum(randomTensor(shape, 1, integer), axis, exclusive, reverse), {}, 'integers');
      }
    }
  });
});

test('a sum of many numbers is right to float32', async () => {
  const n = 3_000_000;
  const values = new Float32Array(n).map((_, i) => 1 + (i % 7) * 0.1);
  let exact = 0;
  for (const x of values) exact += x;
  const [whole] = await resultsOn('native', () => tf.sum(tf.tensor1d(values)));
  expect(Math.abs(whole!.values[0]! / exact - 1)).toBeLessThan(1e-7);
  const [columns] = await resultsOn('native', () => tf.sum(tf.tensor2d(values, [n / 3, 3]), 0));
  const total = Array.from(columns!.values).reduce((a, b) => a + b);
  expect(Math.abs(total / exact - 1)).toBeLessThan(2e-7);
});

test('NaN and the infinities', async () => {
  const values = [1, NaN, 3, -Infinity, -1, Infinity];
  for (const f of [tf.max, tf.min, tf.sum] as Reduction[])
    for (const shape of [[6], [2, 3], [3, 2]])
      for (let axis = 0; axis < shape.length; axis++)
        await expectParity(() => f(tf.tensor(values, shape), axis), {}, `${f.name} [${shape.join()}] ${axis}`);
  await expectParity(() => tf.max(tf.fill([70, 2], -Infinity), 0), {});
});

test('of nothing', async () => {
  await expectParity(() => tf.sum(tf.zeros([0, 3]), 0), {});
  await expectParity(() => tf.prod(tf.zeros([0, 3]), 0), {});
  await expectParity(() => tf.sum(tf.zeros([3, 0]), 0), {});
});

test('softmax and logSoftmax', async () => {
  for (const shape of [[1], [7], [5, 33], [2, 3, 1000]]) {
    const logits = { low: -20, high: 20 };
    await expectParity(() => tf.softmax(randomTensor(shape, 1, logits)), { relative: 1e-6, absolute: 1e-30 });
    await expectParity(() => tf.logSoftmax(randomTensor(shape, 1, logits)), { relative: 1e-6, absolute: 4e-6 });
    await expectParity(() => tf.grad((x) => tf.sum(tf.square(tf.softmax(x))))(randomTensor(shape)), {
      relative: 1e-5,
      absolute: 1e-7,
    });
  }
});

test('gradients of mean and max', async () => {
  for (const axes of subsets(3)) {
    await expectParity(() => tf.grad((x) => tf.sum(tf.square(tf.mean(x, axes))))(randomTensor([3, 4, 5])), {
      relative: 1e-5,
      absolute: 1e-7,
    });
    await expectParity(() => tf.grad((x) => tf.sum(tf.square(tf.max(x, axes))))(randomTensor([3, 4, 5])), {});
  }
});
