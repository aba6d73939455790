import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { expectParity, randomTensor, resultsOn } from '../helpers/parity.js';

type Images = tf.Tensor4D;
const images = (shape: number[], seed = 1, range = {}): Images => randomTensor<tf.Rank.R4>(shape, seed, range);
// A handful of products in float32 against the reference's double.
const close = { relative: 1e-6, absolute: 5e-7 };

describe.each([
  [[1, 6, 6, 1], 2, 2, 'valid'],
  [[2, 7, 8, 70], 3, 2, 'same'],
  [[2, 7, 8, 5], 3, 2, 1],
  [[2, 9, 9, 3], [2, 3], [1, 2], 'valid'],
  [[3, 5, 5, 130], 3, 1, 'same'],
  [[2, 4, 4, 3], 1, 1, 'valid'],
] as [number[], number | [number, number], number | [number, number], 'valid' | 'same' | number][])(
  'pool [%s] by %s, strides %s, pad %s',
  (shape, size, strides, pad) => {
    test('max', async () => {
      await expectParity(() => tf.maxPool(images(shape), size, strides, pad), {});
      await expectParity(
        () => tf.grad((x) => tf.sum(tf.square(tf.maxPool(x as Images, size, strides, pad))))(images(shape)),
        close,
      );
    });

    test('max of equal values: the first takes the gradient', async () => {
      const few = (): Images => randomTensor(shape, 2, { low: 0, high: 2, dtype: 'int32' });
      await expectParity(
        () => tf.grad((x) => tf.sum(tf.maxPool(x as Images, size, strides, pad)))(tf.cast(few(), 'float32')),
        {},
      );
    });

    test('average', async () => {
      await expectParity(() => tf.avgPool(images(shape), size, strides, pad), close);
    });
  },
);

test('the gradient of averages', async () => {
  await expectParity(
    () => tf.grad((x) => tf.sum(tf.square(tf.avgPool(x as Images, 2, 2, 'valid'))))(images([2, 8, 8, 70])),
    close,
  );
  // With padding tfjs divides by the window's size though the forward pass divides by the pixels
  // inside the image. Ours is the derivative of the forward pass; linear, so differences are exact
  // but for rounding.
  const shape = [1, 3, 4, 2];
  const weights = (): tf.Tensor => randomTensor([1, 2, 2, 2], 2);
  const loss = (x: tf.Tensor): tf.Scalar => tf.sum(tf.mul(tf.avgPool(x as Images, 3, 2, 1), weights()));
  const [gradient] = await resultsOn('native', () => tf.grad(loss)(images(shape)));
  for (let i = 0; i < gradient!.values.length; i++) {
    const nudged = (by: number): Images =>
      tf.add<Images>(images(shape), tf.reshape(tf.mul(tf.oneHot(i, 24), by), shape));
    const [high, low] = await resultsOn('native', () => [loss(nudged(1)), loss(nudged(-1))]);
    expect(gradient!.values[i]).toBeCloseTo((high!.values[0]! - low!.values[0]!) / 2, 5);
  }
});

describe.each([
  [5, 6, 11, 9],
  [8, 8, 4, 4],
  [5, 5, 5, 5],
  [3, 7, 10, 2],
  [1, 1, 4, 4],
] as [number, number, number, number][])('resize %i x %i to %i x %i', (h, w, toH, toW) => {
  const modes = [
    [false, false],
    [true, false],
    [false, true],
  ] as const;

  test('forward', async () => {
    for (const [align, half] of modes) {
      await expectParity(() => tf.image.resizeBilinear(images([2, h, w, 3]), [toH, toW], align, half), close);
      await expectParity(() => tf.image.resizeNearestNeighbor(images([2, h, w, 3]), [toH, toW], align, half), {});
    }
  });

  test('gradient', async () => {
    // tfjs's own gradients know no half-pixel centres, and are wrong for images that are not square
    // (bilinear) and for a batch (nearest neighbour); the next test needs no reference.
    for (const align of h === w ? [false, true] : [])
      await expectParity(
        () =>
          tf.grad((x) => tf.sum(tf.square(tf.image.resizeBilinear(x as Images, [toH, toW], align))))(
            images([2, h, w, 3]),
          ),
        { relative: 1e-6, absolute: 1e-5 },
      );
  });

  test('the gradient is the transpose of the resize', async () => {
    for (const f of [tf.image.resizeBilinear, tf.image.resizeNearestNeighbor])
      for (const [align, half] of modes) {
        // Linear maps: <dy, A x> = <A' dy, x>.
        const [left, right] = await resultsOn('native', () => {
          const x = images([2, h, w, 3], 1);
          const dy = images([2, toH, toW, 3], 2);
          const resize = (v: tf.Tensor): tf.Tensor => f(v as Images, [toH, toW], align, half);
          return [tf.sum(tf.mul(dy, resize(x))), tf.sum(tf.mul(tf.grad(resize)(x, dy), x))];
        });
        expect(right!.values[0]).toBeCloseTo(left!.values[0]!, 4);
      }
  });
});

test('resized integers keep their dtype where tfjs keeps it', async () => {
  const integer = { low: 0, high: 255, dtype: 'int32' as const };
  await expectParity(() => tf.image.resizeNearestNeighbor(images([1, 4, 5, 3], 1, integer), [8, 3]), {});
  await expectParity(() => tf.image.resizeBilinear(images([1, 4, 5, 3], 1, integer), [8, 3]), {
    relative: 1e-6,
  });
});

test('batch normalisation', async () => {
  const positive = { low: 0.1, high: 2 };
  for (const channels of [1, 3, 64])
    for (const parts of [0, 1, 2, 3])
      await expectParity(
        () =>
          tf.batchNorm(
            images([2, 5, 4, channels]),
            randomTensor<tf.Rank.R1>([channels], 2),
            randomTensor<tf.Rank.R1>([channels], 3, positive),
            parts & 1 ? randomTensor<tf.Rank.R1>([channels], 4) : undefined,
            parts & 2 ? randomTensor<tf.Rank.R1>([channels], 5) : undefined,
            1e-3,
          ),
        // Folded into one factor and one shift: a few ulp of the larger of the two terms.
        { relative: 1e-6, absolute: 1e-6 },
      );
  await expectParity(
    () => tf.batchNorm(images([2, 3, 4, 5]), images([2, 3, 4, 5], 2), images([2, 3, 4, 5], 3, positive)),
    { relative: 1e-6, absolute: 1e-6 },
  );
  await expectParity(
    () =>
      tf.grads((x, mean, variance, offset, scale) =>
        tf.sum(
          tf.square(
            tf.batchNorm(
              x as Images,
              mean as tf.Tensor1D,
              variance as tf.Tensor1D,
              offset as tf.Tensor1D,
              scale as tf.Tensor1D,
            ),
          ),
        ),
      )([images([2, 3, 4, 5]), ...[2, 3, 4, 5].map((seed) => randomTensor([5], seed, positive))]),
    { relative: 1e-4, absolute: 1e-4 },
  );
});
