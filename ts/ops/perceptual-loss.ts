import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor1D, Tensor4D } from '@tensorflow/tfjs-core';

/** A stack of convolutions as VGG's, with constant weights. */
export interface FeatureStack {
  /** 3x3, stride 1, pad 1, relu after each; a 2x2 max pool before it where pooled. */
  readonly convs: readonly { readonly filter: Tensor4D; readonly bias: Tensor1D; readonly pooled: boolean }[];
  /** Which results are features: convolution's index, before or after its relu. */
  readonly taps: readonly { readonly conv: number; readonly activated: boolean }[];
}

/** What an image should look like: images, which run in the same pass, or their features (featuresOf). */
export type PerceptualTarget = { readonly images: Tensor4D } | { readonly features: readonly Tensor4D[] };

/**
 * The features of images, one tensor for each tap, without gradient in mind.
 * @param x [N, H, W, C], as the stack's weights are used to
 */
export function featuresOf({ convs, taps }: FeatureStack, x: Tensor4D): Tensor4D[] {
  const found = new Map<string, Tensor4D>();
  const key = (conv: number, activated: boolean) => `${conv} ${activated}`;
  const wanted = new Set(taps.map(({ conv, activated }) => key(conv, activated)));
  let y = x;
  for (const [i, { filter, bias, pooled }] of convs.entries()) {
    if (pooled) y = tf.maxPool(y, 2, 2, 'valid');
    if (wanted.has(key(i, false))) {
      y = tf.fused.conv2d({ x: y, filter, strides: 1, pad: 1, bias });
      found.set(key(i, false), y);
      y = tf.relu(y);
    } else {
      y = tf.fused.conv2d({ x: y, filter, strides: 1, pad: 1, bias, activation: 'relu' });
    }
    found.set(key(i, true), y);
  }
  return taps.map(({ conv, activated }) => found.get(key(conv, activated))!);
}

/**
 * The mean over the taps of the mean absolute difference between the features of x and the target's
 * (Johnson et al. 2016, with L1). Differentiable in x alone; where the difference is 0, so is its
 * gradient.
 * @param x [N, H, W, C]
 */
export function perceptualLoss(stack: FeatureStack, x: Tensor4D, target: PerceptualTarget): Scalar {
  return perceptualLossReference(stack, x, target);
}

/** The same in plain tfjs ops: what other engines run, and what the kernel is tested against. */
export function perceptualLossReference(stack: FeatureStack, x: Tensor4D, target: PerceptualTarget): Scalar {
  const wanted = 'features' in target ? target.features : featuresOf(stack, target.images);
  const distances = featuresOf(stack, x).map((features, i) => {
    const difference = tf.sub(features, wanted[i]!);
    // |d| as d sign(d): tf.abs has slope -1 at 0.
    return tf.mean(tf.mul(difference, tf.sign(difference)));
  });
  return tf.div(tf.addN(distances), distances.length);
}
