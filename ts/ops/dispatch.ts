import * as tf from '@tensorflow/tfjs-core';
import type { NamedTensorInfoMap, Tensor, TensorInfo } from '@tensorflow/tfjs-core';

/** Whether the current backend has a kernel of this name: an op of ours runs its kernel where there is one, else its reference in plain tfjs ops. */
export function hasKernel(name: string): boolean {
  return Boolean(tf.getKernel(name, tf.getBackend()));
}

/**
 * Runs a kernel of ours on the current backend. Gradients are the caller's matter (tf.customGrad).
 * @param inputs by name, or a list where their number varies
 */
export function runKernel<Outputs extends Tensor | Tensor[]>(
  name: string,
  inputs: NamedTensorInfoMap | readonly TensorInfo[],
  attrs: object = {},
): Outputs {
  return tf.engine().runKernel(name, inputs as never, attrs as never) as unknown as Outputs;
}
