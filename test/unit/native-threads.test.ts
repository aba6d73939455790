import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadBinding } from '../../ts/backend/binding.js';
import { useEngine } from '../../ts/backend/engine.js';
import { randomTensor } from '../helpers/parity.js';

type Images = tf.Tensor4D;
const images = (shape: number[], seed = 1): Images => randomTensor<tf.Rank.R4>(shape, seed);

// Each of several tasks' length.
const computations: Record<string, () => tf.Tensor> = {
  'elementwise functions': () => tf.tanh(randomTensor([100_003])),
  'a bias': () => tf.add(images([4, 48, 48, 33]), randomTensor([33], 2)),
  'a sum over all': () => tf.sum(randomTensor([300_001])),
  'a sum over rows': () => tf.sum(randomTensor([30_001, 5]), 0),
  'a sum over images': () => tf.sum(images([3, 100, 100, 7]), [1, 2]),
  'a mean over columns': () => tf.mean(randomTensor([700, 301]), 1),
  softmax: () => tf.softmax(randomTensor([300, 100])),
  transpose: () => tf.transpose(images([3, 50, 60, 9]), [0, 3, 1, 2]),
  'the gradient of max pooling': () =>
    tf.grad((x) => tf.sum(tf.square(tf.maxPool(x as Images, 3, 2, 1))))(images([4, 40, 40, 70])),
  'the gradient of a resize': () =>
    tf.grad((x) => tf.sum(tf.square(tf.image.resizeBilinear(x as Images, [50, 50]))))(images([4, 30, 30, 40])),
  'a convolution': () => tf.conv2d(images([2, 24, 24, 33]), images([3, 3, 33, 65], 2), 1, 1),
  'the gradients of a convolution': () => {
    const f = (x: tf.Tensor, w: tf.Tensor) => tf.conv2d(x as Images, w as Images, 2, 1);
    const x = images([3, 40, 40, 7]);
    const [dx, dw] = tf.grads(f)([x, images([4, 4, 7, 20], 2)], images([3, 20, 20, 20], 3));
    return tf.concat([tf.reshape(dx!, [-1]), tf.reshape(dw!, [-1])]);
  },
  'matrix products': () =>
    tf.add(
      tf.matMul(images([3, 1, 300, 70]), images([3, 1, 70, 50], 2)),
      tf.matMul(images([3, 1, 70, 300], 3), images([3, 1, 50, 70], 4), true, true),
    ),
  'sums of duplicates': () =>
    tf.unsortedSegmentSum(
      randomTensor([500, 700]),
      randomTensor<tf.Rank.R1>([500], 2, { low: 0, high: 9, dtype: 'int32' }),
      9,
    ),
};

beforeAll(() => useEngine('native'));
const usual = (): number => (tf.backend() as unknown as { threads: number }).threads;
afterAll(() => {
  loadBinding().setThreads(usual());
});

test.each(Object.keys(computations))('%s: the same bits for any number of threads', (name) => {
  const results = [1, 2, 3, 7].map((threads) => {
    loadBinding().setThreads(threads);
    return tf.tidy(() => computations[name]!().dataSync());
  });
  for (const result of results) expect(result).toEqual(results[0]);
});
