import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { Philox } from '../../ts/base/random.js';
import { expectClose, expectParity, onCpu, randomTensor, resultsOn } from '../helpers/parity.js';

/**
 * Both sides sum K products of values in [-1, 1): tfjs in double precision, native in float32 in
 * another order (a GPU makes each product of three in tf32, which is 2^-21 off or less, see
 * native/cuda/product_tile.h). The error of such a sum grows like sqrt(K) * 2^-24 for sums of typical size
 * sqrt(K) / 3; 4e-6 * sqrt(K) is about 10 times what is seen, and a wrong or missing product is
 * about 0.25.
 */
const sumOf = (k: number) => ({ absolute: 4e-6 * Math.sqrt(Math.max(1, k)), relative: 1e-6 });

interface Case {
  name: string;
  image: [number, number, number, number];
  /** Height, width, output channels. */
  filter: [number, number, number];
  stride?: number | [number, number];
  pad?: 'same' | 'valid' | number | [[0, 0], [number, number], [number, number], [0, 0]];
  dilation?: number;
}

/**
 * Sizes above and below each edge of the blocking: tiles of 14 (AVX-512) or 6 rows and 32, 16 or 8
 * columns; vectors of 16, 8 and 4 lanes; passes of 256 and 2560 along K; at most 4 channels out; few
 * channels in, whose filter rows are joined. On a GPU: copies of 16 bytes and of 4; at most 16 phases in
 * one launch.
 */
const cases: Case[] = [
  { name: 'one pixel, one channel', image: [1, 1, 1, 1], filter: [1, 1, 1] },
  { name: '1x1 filter', image: [2, 5, 3, 17], filter: [1, 1, 33] },
  { name: 'a tile exactly', image: [1, 2, 7, 16], filter: [1, 1, 32] },
  { name: 'one more than a tile', image: [1, 3, 5, 16], filter: [1, 1, 33] },
  { name: 'one less than a tile', image: [1, 1, 13, 15], filter: [1, 1, 31] },
  { name: 'half a tile of columns', image: [1, 4, 7, 8], filter: [3, 3, 16], pad: 1 },
  { name: 'grey image, 7x7', image: [1, 12, 11, 1], filter: [7, 7, 20], pad: 3 },
  { name: 'colour image, 7x7', image: [2, 9, 8, 3], filter: [7, 7, 18], pad: 3 },
  { name: 'grey image, 4x4 by 2', image: [2, 10, 12, 1], filter: [4, 4, 34], pad: 1, stride: 2 },
  { name: 'to one channel, 7x7', image: [1, 11, 9, 33], filter: [7, 7, 1], pad: 3 },
  { name: 'to three channels', image: [2, 7, 6, 40], filter: [3, 3, 3], pad: 1 },
  { name: 'to two channels, one in', image: [1, 6, 6, 1], filter: [3, 3, 2], pad: 1 },
  { name: 'to four channels, few in', image: [1, 7, 9, 5], filter: [3, 5, 4], pad: 'same' },
  { name: 'to one channel, 4x4', image: [3, 5, 5, 65], filter: [4, 4, 1], pad: 1 },
  { name: 'down by 2', image: [2, 12, 12, 18], filter: [3, 3, 36], pad: 1, stride: 2 },
  { name: 'down by 2, odd', image: [1, 11, 7, 9], filter: [3, 3, 10], pad: 1, stride: 2 },
  { name: 'by 3, filter of 2: pixels unseen', image: [1, 10, 11, 6], filter: [2, 2, 5], pad: 'valid', stride: 3 },
  { name: 'by 5: 25 phases of the gradient', image: [2, 12, 11, 8], filter: [7, 6, 12], pad: 2, stride: 5 },
  { name: 'unequal strides', image: [1, 9, 10, 5], filter: [3, 2, 7], pad: 'same', stride: [1, 2] },
  { name: 'same, by 2', image: [1, 8, 9, 4], filter: [3, 3, 6], pad: 'same', stride: 2 },
  {
    name: 'uneven pads',
    image: [1, 6, 7, 5],
    filter: [3, 3, 6],
    pad: [
      [0, 0],
      [2, 0],
      [1, 3],
      [0, 0],
    ],
  },
  { name: 'a filter larger than the image', image: [1, 2, 3, 6], filter: [5, 5, 7], pad: 2 },
  { name: 'more pads than image', image: [1, 1, 1, 20], filter: [3, 3, 21], pad: 2 },
  { name: 'a large filter', image: [1, 13, 12, 17], filter: [11, 11, 5], pad: 5 },
  { name: 'a large filter, to one channel', image: [2, 9, 12, 18], filter: [9, 11, 1], pad: 4 },
  { name: 'a long K', image: [1, 3, 3, 300], filter: [3, 3, 33], pad: 1 },
  { name: 'a long K to one channel', image: [1, 2, 2, 700], filter: [2, 2, 1] },
  { name: 'a very long segment', image: [1, 1, 2, 2600], filter: [1, 1, 5] },
  { name: 'many pixels', image: [2, 26, 27, 5], filter: [3, 3, 12], pad: 1 },
  { name: 'many pixels, many columns', image: [1, 30, 20, 3], filter: [3, 3, 70], pad: 1 },
  { name: 'no image', image: [0, 4, 4, 3], filter: [3, 3, 5], pad: 1 },
];

/** Forward and both gradients of one convolution. */
function forwardAndGradients({ image, filter, stride = 1, pad = 'valid' }: Case): tf.Tensor[] {
  const x = randomTensor<tf.Rank.R4>(image, 1);
  const w = randomTensor<tf.Rank.R4>([filter[0], filter[1], image[3], filter[2]], 2);
  const convolve = (a: tf.Tensor, b: tf.Tensor) => tf.conv2d(a as tf.Tensor4D, b as tf.Tensor4D, stride, pad);
  const y = convolve(x, w);
  const [dx, dw] = tf.grads(convolve)([x, w], randomTensor(y.shape, 3));
  return [y, dx!, dw!];
}

describe('conv2d and its gradients', () => {
  test.each(cases)('$name', async (c) => {
    const [n, h, w, channels] = c.image;
    const longest = Math.max(c.filter[0] * c.filter[1] * Math.max(channels, c.filter[2]), n * h * w);
    await expectParity(() => forwardAndGradients(c), sumOf(longest));
  });

  test('random shapes', async () => {
    const random = new Philox(5);
    const below = (n: number) => Math.floor(random.uniform() * n);
    for (let i = 0; i < 40; i++) {
      const size = [1 + below(5), 1 + below(5)] as const;
      const c: Case = {
        name: '',
        image: [1 + below(3), size[0] + below(9), size[1] + below(9), 1 + below(20)],
        filter: [size[0], size[1], 1 + below(40)],
        stride: [1 + below(3), 1 + below(3)],
        pad: below(2) ? 'same' : below(3),
      };
      if (typeof c.pad === 'number')
        c.pad = [
          [0, 0],
          [c.pad, below(3)],
          [below(3), c.pad],
          [0, 0],
        ];
      await expectParity(() => forwardAndGradients(c), sumOf(1000), JSON.stringify(c));
    }
  });

  test.each([1, 2, 3])('dilated by %i', async (dilation) => {
    const run = () =>
      tf.conv2d(
        randomTensor<tf.Rank.R4>([2, 13, 12, 7], 1),
        randomTensor<tf.Rank.R4>([3, 2, 7, 19], 2),
        1,
        'same',
        'NHWC',
        dilation,
      );
    await expectParity(run, sumOf(42));
  });

  test('channels first', async () => {
    const run = () => {
      const pad: [[0, 0], [0, 0], [number, number], [number, number]] = [
        [0, 0],
        [0, 0],
        [1, 2],
        [0, 1],
      ];
      const x = randomTensor<tf.Rank.R4>([2, 5, 8, 7], 1);
      const w = randomTensor<tf.Rank.R4>([3, 2, 5, 9], 2);
      return tf.conv2d(x, w, [2, 1], pad, 'NCHW');
    };
    await expectParity(run, sumOf(30));
  });

  test('conv1d', async () => {
    const run = () =>
      tf.conv1d(randomTensor<tf.Rank.R3>([2, 31, 5], 1), randomTensor<tf.Rank.R3>([4, 5, 6], 2), 2, 'same');
    await expectParity(run, sumOf(20));
  });

  test('conv2dTranspose, as the decoders use it', async () => {
    const run = () => {
      const x = randomTensor<tf.Rank.R4>([2, 6, 5, 20], 1);
      const w = randomTensor<tf.Rank.R4>([3, 3, 18, 20], 2);
      const up = (a: tf.Tensor, b: tf.Tensor) =>
        tf.conv2dTranspose(a as tf.Tensor4D, b as tf.Tensor4D, [2, 12, 10, 18], 2, 1, 'floor');
      const y = up(x, w);
      return [y, ...tf.grads(up)([x, w], randomTensor(y.shape, 3))];
    };
    await expectParity(run, sumOf(18 * 60));
  });

  test('infinities and NaN reach the outputs that read them', async () => {
    const run = () => {
      const values = new Float32Array(6 * 6 * 2).fill(1);
      values[0] = NaN;
      values[2 * (6 * 3 + 4)] = Infinity;
      const w = tf.add(tf.abs(randomTensor<tf.Rank.R4>([3, 3, 2, 5], 1)), 0.1);
      return tf.conv2d(tf.tensor4d(values, [1, 6, 6, 2]), w as tf.Tensor4D, 1, 1);
    };
    // Tensor cores take a factor as its first bits and the rest: of infinity that is NaN.
    const seen = (results: Awaited<ReturnType<typeof resultsOn>>) =>
      onCpu
        ? results
        : results.map((r) => ({ ...r, values: Array.from(r.values, (v) => (Number.isFinite(v) ? v : NaN)) }));
    expectClose(seen(await resultsOn('native', run)), seen(await resultsOn('cpu', run)), sumOf(18));
  });
});

describe('fused conv2d', () => {
  const activations = ['linear', 'relu', 'relu6', 'elu', 'leakyrelu', 'prelu', 'sigmoid'] as const;
  const fusedConv = (activation: tf.fused.Activation, channels: number, bias: number[], slopes: number[]) => () =>
    tf.fused.conv2d({
      x: randomTensor<tf.Rank.R4>([2, 7, 6, 19], 1, { low: -3, high: 3 }),
      filter: randomTensor<tf.Rank.R4>([3, 3, 19, channels], 2),
      strides: 1,
      pad: 1,
      activation,
      bias: randomTensor(bias, 3, { low: -5, high: 5 }),
      ...(activation === 'prelu' ? { preluActivationWeights: randomTensor(slopes, 4) } : {}),
      leakyreluAlpha: 0.3,
    });
  describe.each(activations)('%s', (activation) => {
    test.each([37, 3])('to %i channels', async (channels) => {
      await expectParity(fusedConv(activation, channels, [channels], [channels]), sumOf(171 * 9));
    });
    test('one bias, one slope', async () => {
      await expectParity(fusedConv(activation, 20, [], []), sumOf(171 * 9));
    });
  });
  test('slopes for each pixel', async () => {
    await expectParity(fusedConv('prelu', 20, [20], [7, 6, 20]), sumOf(171 * 9));
  });
  test('the gradient with a bias and relu', async () => {
    const run = () => {
      const x = randomTensor([1, 5, 5, 3], 1);
      const w = randomTensor([3, 3, 3, 8], 2);
      const b = randomTensor([8], 3);
      const f = (x: tf.Tensor, filter: tf.Tensor, bias: tf.Tensor) =>
        tf.fused.conv2d({
          x: x as tf.Tensor4D,
          filter: filter as tf.Tensor4D,
          strides: 1,
          pad: 1,
          activation: 'relu',
          bias,
        });
      return tf.grads(f)([x, w, b], randomTensor([1, 5, 5, 8], 4));
    };
    await expectParity(run, sumOf(72));
  });
});

describe('depthwise convolutions', () => {
  const shapes: [string, number[], number[], 'same' | 'valid' | number, number | [number, number]][] = [
    ['3x3', [2, 7, 9, 17], [3, 3, 17, 1], 'same', 1],
    ['a multiplier', [2, 7, 9, 5], [3, 2, 5, 7], 'valid', 1],
    ['by 2', [1, 9, 8, 33], [3, 3, 33, 1], 1, 2],
    ['by 2 and 3, a multiplier', [3, 9, 8, 2], [2, 4, 2, 2], 'same', [2, 3]],
    ['one channel', [2, 20, 20, 1], [5, 5, 1, 3], 2, 1],
  ];
  test.each(shapes)('%s', async (_, image, filter, pad, stride) => {
    const run = () => {
      const x = randomTensor<tf.Rank.R4>(image, 1);
      const w = randomTensor<tf.Rank.R4>(filter, 2);
      const f = (a: tf.Tensor, b: tf.Tensor) => tf.depthwiseConv2d(a as tf.Tensor4D, b as tf.Tensor4D, stride, pad);
      const y = f(x, w);
      return [y, ...tf.grads(f)([x, w], randomTensor(y.shape, 3))];
    };
    await expectParity(run, sumOf(400));
  });

  test('dilated', async () => {
    const run = () => {
      const x = randomTensor<tf.Rank.R4>([1, 12, 11, 6], 1);
      return tf.depthwiseConv2d(x, randomTensor<tf.Rank.R4>([3, 3, 6, 2], 2), 1, 'same', 'NHWC', [2, 3]);
    };
    await expectParity(run, sumOf(9));
  });

  test.each(['relu', 'prelu'] as const)('fused with a bias and %s', async (activation) => {
    const run = () =>
      tf.fused.depthwiseConv2d({
        x: randomTensor<tf.Rank.R4>([2, 6, 5, 19], 1),
        filter: randomTensor<tf.Rank.R4>([3, 3, 19, 1], 2),
        strides: 1,
        pad: 'same',
        bias: randomTensor([19], 3),
        activation,
        ...(activation === 'prelu' ? { preluActivationWeights: randomTensor([19], 4) } : {}),
      });
    await expectParity(run, sumOf(9));
  });
});

test('results do not depend on what was computed before', async () => {
  const c = cases.find(({ name }) => name === 'many pixels')!;
  const first = await resultsOn('native', () => forwardAndGradients(c));
  await resultsOn('native', () => forwardAndGradients(cases.find(({ name }) => name === 'a long K')!));
  const again = await resultsOn('native', () => forwardAndGradients(c));
  expectClose(again, first, {});
  expect(first.length).toBe(3);
});
