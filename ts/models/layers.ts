import * as tf from '@tensorflow/tfjs-core';
import type { Tensor1D, Tensor4D } from '@tensorflow/tfjs-core';
import type { Init, Params, ParamSpec } from './network.js';

/** How the weights of adversarial networks start: N(0, 0.02) (Radford et al. 2016). */
export const ganInit: Init = { kind: 'normal', std: 0.02 };

/** @param shape HWIO, or [h, w, out, in] of a transposed convolution */
export function filterSpec(layer: string, shape: readonly number[], init: Init = ganInit): ParamSpec {
  return { name: `${layer}.filter`, shape, init };
}

export function biasSpec(layer: string, channels: number): ParamSpec {
  return { name: `${layer}.bias`, shape: [channels], init: { kind: 'constant', value: 0 } };
}

/** The convolution of a layer, with its bias where it has one (none where a norm, which removes it, follows). */
export function convolve(params: Params, layer: string, x: Tensor4D, stride: 1 | 2, pad: number): Tensor4D {
  const filter = params[`${layer}.filter`] as Tensor4D;
  const bias = params[`${layer}.bias`] as Tensor1D | undefined;
  if (!bias) return tf.conv2d(x, filter, stride, pad);
  // With the linear activation it is one kernel even while gradients are taken.
  return tf.fused.conv2d({ x, filter, bias, strides: stride, pad, activation: 'linear' });
}

/** The transposed 3x3 convolution of a layer that doubles height and width: stride 2, pad 1, output padding 1. */
export function upsample(params: Params, layer: string, x: Tensor4D): Tensor4D {
  const filter = params[`${layer}.filter`] as Tensor4D;
  const [n, h, w] = x.shape;
  return tf.conv2dTranspose(x, filter, [n, 2 * h, 2 * w, filter.shape[2]], 2, 1);
}
