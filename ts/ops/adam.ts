import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor1D, TensorInfo } from '@tensorflow/tfjs-core';
import { registerOwnKernel, sharedKernel } from '../backend/kernel.js';
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
 * The numbers of one update, [7]: learningRate / (1 - beta1^step), beta1, 1 - beta1, beta2, 1 - beta2,
 * 1 / (1 - beta2^step), epsilon. They change from step to step, and as a tensor they are no part of what
 * an update is: it can be recorded once and run with others.
 */
export function adamCoefficients({ learningRate, beta1, beta2, epsilon, step }: AdamOptions): Tensor1D {
  const rate = learningRate / (1 - beta1 ** step);
  const correction = 1 / (1 - beta2 ** step);
  return tf.tensor1d([rate, beta1, 1 - beta1, beta2, 1 - beta2, correction, epsilon]);
}

/**
 * One update by Adam (Kingma & Ba 2015, algorithm 1) of many tensors at once:
 * m' = beta1 m + (1 - beta1) g, v' = beta2 v + (1 - beta2) g^2,
 * p' = p - learningRate m^ / (sqrt(v^) + epsilon) with m^ = m' / (1 - beta1^step), v^ alike.
 * Gives new tensors; the old ones stay the caller's.
 * @param params with grads, m and v in the same order and of the same shapes
 * @param coefficients of {@link adamCoefficients}
 */
export function adamUpdate(
  params: readonly Tensor[],
  grads: readonly Tensor[],
  m: readonly Tensor[],
  v: readonly Tensor[],
  coefficients: Tensor1D,
): AdamResult {
  if (!hasKernel(kernel)) return adamUpdateReference(params, grads, m, v, coefficients);
  const updated = runKernel<Tensor[]>(kernel, [coefficients, ...params, ...grads, ...m, ...v]);
  const list = (i: number) => updated.slice(i * params.length, (i + 1) * params.length);
  return { params: list(0), m: list(1), v: list(2) };
}

/** The same in plain tfjs ops: what other engines run. */
export function adamUpdateReference(
  params: readonly Tensor[],
  grads: readonly Tensor[],
  m: readonly Tensor[],
  v: readonly Tensor[],
  coefficients: Tensor1D,
): AdamResult {
  const result: AdamResult = { params: [], m: [], v: [] };
  params.forEach((param, i) => {
    const updated = tf.tidy(() => {
      const grad = grads[i]!;
      const [rate, beta1, fresh1, beta2, fresh2, correction, epsilon] = tf.unstack(coefficients) as Seven;
      const first = tf.add(tf.mul(m[i]!, beta1), tf.mul(grad, fresh1));
      const second = tf.add(tf.mul(v[i]!, beta2), tf.mul(tf.square(grad), fresh2));
      const deviation = tf.add(tf.sqrt(tf.mul(second, correction)), epsilon);
      return { first, second, param: tf.sub(param, tf.mul(tf.div(first, deviation), rate)) };
    });
    result.params.push(updated.param);
    result.m.push(updated.first);
    result.v.push(updated.second);
  });
  return result;
}

type Seven = [Scalar, Scalar, Scalar, Scalar, Scalar, Scalar, Scalar];

const kernel = 'AdamUpdate';

// Inputs: the coefficients, then all params, gradients, first and second moments. Outputs: all
// params, first and second moments anew.
registerOwnKernel(
  sharedKernel<TensorInfo[]>(kernel, ({ inputs, backend }) => {
    const params = inputs.slice(1, 1 + (inputs.length - 1) / 4);
    const outputs = [params, params, params].flat().map(({ shape }) => backend.makeOutput(shape, 'float32'));
    backend.run(kernel, inputs, outputs);
    return outputs;
  }),
);
