import * as tf from '@tensorflow/tfjs-core';
import type { Tensor1D, Tensor4D } from '@tensorflow/tfjs-core';
import { instanceNorm } from './instance-norm.js';

export interface DenseBlockOptions {
  /** After every convolution. */
  norm: 'none' | 'instance';
  /** Times what is added to x. */
  alpha: number;
  /** Of LeakyReLU, below 0. Default 0.2. */
  slope?: number;
  /** Added to the variance by the norm. Default 1e-5. */
  eps?: number;
}

/**
 * The residual dense block of ESRGAN (Wang et al. 2018) and ECycleGAN (Zhang & Zhou 2020):
 * out = x + alpha * last. Convolution i (3x3, pad 1) reads the concat of x and all earlier outputs;
 * then the norm; then LeakyReLU after all but the last, which returns to the width of x.
 * @param x [N, H, W, C]
 * @param filters [3, 3, C + i * growth, growth], the last [3, 3, C + i * growth, C]
 * @param biases one per convolution; only where the norm is 'none', since a norm removes them
 */
export function residualDenseBlock(
  x: Tensor4D,
  filters: readonly Tensor4D[],
  biases: readonly Tensor1D[] | undefined,
  options: DenseBlockOptions,
): Tensor4D {
  return residualDenseBlockReference(x, filters, biases, options);
}

/** The same in plain tfjs ops: what other engines run, and what the kernel is tested against. */
export function residualDenseBlockReference(
  x: Tensor4D,
  filters: readonly Tensor4D[],
  biases: readonly Tensor1D[] | undefined,
  { norm, alpha, slope = 0.2, eps = 1e-5 }: DenseBlockOptions,
): Tensor4D {
  const parts = [x];
  filters.forEach((filter, i) => {
    const input = parts.length === 1 ? x : tf.concat(parts, 3);
    const last = i === filters.length - 1;
    let y = tf.fused.conv2d({ x: input, filter, strides: 1, pad: 1, bias: biases?.[i] });
    if (norm === 'instance') y = instanceNorm(y, { activation: last ? 'linear' : 'leakyRelu', slope, eps });
    else if (!last) y = tf.leakyRelu(y, slope);
    parts.push(y);
  });
  return tf.add(x, tf.mul(parts.at(-1)!, alpha));
}
