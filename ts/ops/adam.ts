import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, TensorInfo } from '@tensorflow/tfjs-core';
import { nativeKernel } from '../backend/kernel.js';
import { hasKernel, runKernel } from './dispatch.js';

export interface AdamOptions {
  readonly learningRate: number;
  /** Decay of the first moment. */
  readonly beta1: number;
  /** Decay of the second moment. */
  readonly beta2: number;
  /** Added to the root of the corrected second moment. */
  readonly epsilon: number;
  /** Updates so far, this one included: the moments' start at zero is corrected by it. */
  readonly step: number;
}

export interface AdamResult {
  readonly params: Tensor[];
  readonly m: Tensor[];
  readonly v: Tensor[];
}

/**
 * One update by Adam (Kingma & Ba 2015, algorithm 1) of many tensors at once:
 * m' = beta1 m + (1 - beta1) g, v' = beta2 v + (1 - beta2) g^2,
 * p' = p - learningRate m^ / (sqrt(v^) + epsilon) with m^ = m' / (1 - beta1^step), v^ alike.
 * Gives new tensors; the old ones stay the caller's.
 * @param params with grads, m and v in the same order and of the same shapes
 */
export function adamUpdate(
  params: readonly Tensor[],
  grads: readonly Tensor[],
  m: readonly Tensor[],
  v: readonly Tensor[],
  options: AdamOptions,
): AdamResult {
  if (!hasKernel(kernel)) return adamUpdateReference(params, grads, m, v, options);
  const { learningRate, beta1, beta2, epsilon, step } = options;
  const rate = learningRate / (1 - beta1 ** step);
  const correction = 1 / (1 - beta2 ** step);
  const scalars = tf.tensor1d([rate, beta1, 1 - beta1, beta2, 1 - beta2, correction, epsilon]);
  try {
    const updated = runKernel<Tensor[]>(kernel, [scalars, ...params, ...grads, ...m, ...v]);
    const list = (i: number) => updated.slice(i * params.length, (i + 1) * params.length);
    return { params: list(0), m: list(1), v: list(2) };
  } finally {
    scalars.dispose();
  }
}

/** The same in plain tfjs ops: what other engines run. */
export function adamUpdateReference(
  params: readonly Tensor[],
  grads: readonly Tensor[],
  m: readonly Tensor[],
  v: readonly Tensor[],
  { learningRate, beta1, beta2, epsilon, step }: AdamOptions,
): AdamResult {
  const result: AdamResult = { params: [], m: [], v: [] };
  const rate = learningRate / (1 - beta1 ** step);
  const correction = 1 / (1 - beta2 ** step);
  params.forEach((param, i) => {
    const updated = tf.tidy(() => {
      const grad = grads[i]!;
      const first = tf.add(tf.mul(m[i]!, beta1), tf.mul(grad, 1 - beta1));
      const second = tf.add(tf.mul(v[i]!, beta2), tf.mul(tf.square(grad), 1 - beta2));
      const deviation = tf.add(tf.sqrt(tf.mul(second, correction)), epsilon);
      return { first, second, param: tf.sub(param, tf.mul(tf.div(first, deviation), rate)) };
    });
    result.params.push(updated.param);
    result.m.push(updated.first);
    result.v.push(updated.second);
  });
  return result;
}

const kernel = 'AdamUpdate';

// Inputs: the scalars, then all params, gradients, first and second moments. Outputs: all params,
// first and second moments anew. The scalars change from step to step; in a tensor they are no part
// of what the kernel is.
tf.registerKernel(
  nativeKernel<TensorInfo[]>(kernel, ({ inputs, backend }) => {
    const params = inputs.slice(1, 1 + (inputs.length - 1) / 4);
    const outputs = [params, params, params].flat().map(({ shape }) => backend.makeOutput(shape, 'float32'));
    backend.run(kernel, inputs, outputs);
    return outputs;
  }),
);
