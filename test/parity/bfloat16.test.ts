// The native kernels with products of bfloat16, and on a GPU of tf32, against the same kernels in
// float32, which other tests hold against tfjs; products alone are held against double precision in
// test/native.
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs-core';
import { afterAll, describe, expect, test } from 'vitest';
import { loadBinding } from '../../ts/backend/binding.js';
import { useEngine, type Precision } from '../../ts/backend/engine.js';
import { perceptualLoss, type FeatureStack } from '../../ts/ops/perceptual-loss.js';
import { residualDenseBlock } from '../../ts/ops/residual-dense-block.js';
import type { NativeBackend } from '../../ts/backend/native-backend.js';
import { onCpu, randomTensor } from '../helpers/parity.js';

/** A filter of the deviation that keeps a signal's size. */
function filterOf(shape: [number, number, number, number], seed: number): Tensor4D {
  const bound = Math.sqrt(3 / (shape[0] * shape[1] * shape[2]));
  return randomTensor<tf.Rank.R4>(shape, seed, { low: -bound, high: bound });
}
const images = (shape: [number, number, number, number], seed = 1) => randomTensor<tf.Rank.R4>(shape, seed);

/** A result and its gradients by what it was made of. */
function withGradients(f: (...xs: Tensor[]) => Tensor, xs: Tensor[]): Tensor[] {
  const y = f(...xs);
  const weights = randomTensor(y.shape, 99);
  return [y, ...tf.grads((...at: Tensor[]) => tf.sum<tf.Scalar>(tf.mul(f(...at), weights)))(xs)];
}

function denseBlock(
  shape: [number, number, number, number],
  growth: number,
  convs: number,
  norm: 'none' | 'instance',
): Tensor[] {
  const widths = Array.from({ length: convs }, (_, i) => (i === convs - 1 ? shape[3] : growth));
  const filters = widths.map((outputs, i) => filterOf([3, 3, shape[3] + i * growth, outputs], 10 + i));
  const biases = norm === 'none' ? widths.map((outputs, i) => randomTensor<tf.Rank.R1>([outputs], 30 + i)) : [];
  return withGradients(
    (x, ...weights) =>
      residualDenseBlock(
        x as Tensor4D,
        weights.slice(0, convs) as Tensor4D[],
        biases.length > 0 ? (weights.slice(convs) as Tensor1D[]) : undefined,
        { norm, alpha: 0.5 },
      ),
    [images(shape), ...filters, ...biases],
  );
}

function perceptual(shape: [number, number, number, number]): Tensor[] {
  let inputs = shape[3];
  const convs: FeatureStack['convs'] = [17, 24, 32].map((outputs, i) => {
    const filter = filterOf([3, 3, inputs, outputs], 10 + i);
    inputs = outputs;
    return { filter, bias: randomTensor<tf.Rank.R1>([outputs], 20 + i, { low: -0.2, high: 0.2 }), pooled: i === 1 };
  });
  const stack = {
    convs,
    taps: [
      { conv: 1, activated: true },
      { conv: 2, activated: false },
    ],
  };
  return withGradients((x) => perceptualLoss(stack, x as Tensor4D, { images: images(shape, 2) }), [images(shape)]);
}

/**
 * What is computed, and how far result and gradients may be from float32 in bfloat16: the norm of the difference,
 * relative to that of the result. Rounding both factors of a product gives 1.2 * 2^-9, Winograd's
 * method twice 2^-9, and a norm makes more of it. Gradients through (leaky) ReLUs and absolute values
 * jump where a value near 0 changes sides: each of one in 300 then has an error of its own size.
 */
const computations: Record<string, { compute: () => Tensor[]; result: number; gradients: number }> = {
  'a convolution of stride 2': {
    compute: () =>
      withGradients(
        (x, w) => tf.conv2d(x as Tensor4D, w as Tensor4D, 2, 1),
        [images([3, 14, 18, 19]), filterOf([4, 4, 19, 33], 2)],
      ),
    result: 2 ** -8,
    gradients: 2 ** -8,
  },
  'a transposed convolution': {
    compute: () =>
      withGradients(
        (x, w) => tf.conv2dTranspose(x as Tensor4D, w as Tensor4D, [2, 14, 10, 20], 2, 1),
        [images([2, 7, 5, 33]), filterOf([3, 3, 20, 33], 2)],
      ),
    result: 2 ** -8,
    gradients: 2 ** -8,
  },
  'a convolution by Winograd': {
    compute: () =>
      withGradients(
        (x, w) => tf.conv2d(x as Tensor4D, w as Tensor4D, 1, 1),
        [images([2, 13, 11, 47]), filterOf([3, 3, 47, 50], 2)],
      ),
    result: 1.5 * 2 ** -8,
    gradients: 1.5 * 2 ** -8,
  },
  'a matrix product': {
    compute: () => withGradients((a, b) => tf.matMul(a, b), [randomTensor([31, 77]), randomTensor([77, 45], 2)]),
    result: 2 ** -8,
    gradients: 2 ** -8,
  },
  'a dense block': { compute: () => denseBlock([2, 12, 11, 33], 9, 4, 'none'), result: 2 ** -8, gradients: 0.06 },
  'a dense block of one image': {
    compute: () => denseBlock([1, 9, 12, 64], 32, 5, 'none'),
    result: 2 ** -8,
    gradients: 0.06,
  },
  'a dense block with norms': {
    compute: () => denseBlock([2, 7, 9, 40], 16, 3, 'instance'),
    result: 2 * 2 ** -8,
    gradients: 0.06,
  },
  'a perceptual loss': { compute: () => perceptual([2, 13, 12, 3]), result: 2 ** -8, gradients: 0.1 },
};

async function resultsIn(precision: Precision, compute: () => Tensor[]): Promise<Float32Array[]> {
  await useEngine(onCpu ? 'native' : 'native-cuda', precision);
  return tf.tidy(() => compute().map((t) => t.dataSync<'float32'>()));
}

const norm = (values: Float32Array) => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));

/** tf32 has three bits more, so errors are an eighth. Fewer gradients jump, but each as far. */
const limitIn = (precision: Precision, limit: number): number =>
  precision === 'tf32' && limit < 0.05 ? limit / 8 : limit;

await useEngine('native');
const { precisions, threads } = tf.backend() as NativeBackend;

describe.each(['bfloat16', 'tf32'] as const)('products of %s', (precision) => {
  // AVX-512 kernels have bfloat16 where the processor has, and no CPU has tf32.
  const missing = !precisions.includes(precision);
  afterAll(() => useEngine('native'));

  describe.skipIf(missing)('near float32', () => {
    test.each(Object.entries(computations))('%s, but not it', async (_, { compute, result, gradients }) => {
      const exact = await resultsIn('float32', compute);
      const rounded = await resultsIn(precision, compute);
      const errors = exact.map((values, i) => norm(values.map((v, k) => rounded[i]![k]! - v)) / norm(values));
      expect(errors[0]).toBeLessThan(limitIn(precision, result));
      expect(Math.max(...errors.slice(1)), errors.join()).toBeLessThan(limitIn(precision, gradients));
      expect(rounded).not.toEqual(exact);
      expect(await resultsIn('float32', compute)).toEqual(exact);
    });
  });

  describe.skipIf(missing || !onCpu)('the same bits for any number of threads', () => {
    afterAll(() => loadBinding().setThreads(threads));
    test.each(Object.entries(computations))('%s', async (_, { compute }) => {
      const results: Float32Array[][] = [];
      for (const count of [1, 2, 3, 7]) {
        loadBinding().setThreads(count);
        results.push(await resultsIn(precision, compute));
      }
      for (const result of results) expect(result).toEqual(results[0]);
    });
  });
});

/** Threads and blocks of the emulated GPU take turns in an order that can be changed. */
describe.skipIf(onCpu)('the same bits in any order of threads', () => {
  const usual = process.env['RAREFACE_EMULATOR_ORDER'];
  afterAll(() => {
    if (usual === undefined) delete process.env['RAREFACE_EMULATOR_ORDER'];
    else process.env['RAREFACE_EMULATOR_ORDER'] = usual;
  });
  test.each(Object.entries(computations))('%s', async (_, { compute }) => {
    const results: Float32Array[][] = [];
    for (const order of ['forward', 'reverse', 'shuffled']) {
      process.env['RAREFACE_EMULATOR_ORDER'] = order;
      results.push(await resultsIn('float32', compute));
    }
    for (const result of results) expect(result).toEqual(results[0]);
  });
});
