import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor1D, Tensor4D, TensorInfo } from '@tensorflow/tfjs-core';
import { registerOwnKernel, sharedKernel } from '../backend/kernel.js';
import { hasKernel, runKernel } from './dispatch.js';

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
  if (!hasKernel(forwardKernel)) return perceptualLossReference(stack, x, target);
  const convs = stack.convs.slice(0, Math.max(...stack.taps.map(({ conv }) => conv)) + 1);
  const cached = 'features' in target;
  const attrs: KernelAttrs = {
    shape: x.shape,
    cached,
    pooled: convs.map(({ pooled }) => pooled),
    taps: stack.taps,
  };
  const filters = convs.map(({ filter }) => filter);
  const constants = [
    ...(cached ? target.features : [target.images]),
    ...convs.flatMap(({ filter, bias }) => [filter, bias]),
  ];
  const op = tf.customGrad((...args) => {
    const [a, save] = args as unknown as [Tensor4D, (tensors: Tensor[]) => void];
    const [loss, ...kept] = runKernel<Tensor[]>(forwardKernel, [a, ...constants], attrs);
    save(kept);
    return {
      value: loss!,
      gradFunc: (dy: Tensor, saved: Tensor[]) => runKernel<Tensor>(gradKernel, [dy, ...filters, ...saved], attrs),
    };
  });
  return op(x) as Scalar;
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

const forwardKernel = 'PerceptualLoss';
const gradKernel = 'PerceptualLossGrad';

interface KernelAttrs {
  /** Of the images. */
  shape: readonly number[];
  /** Whether the target is given as features. */
  cached: boolean;
  /** One for each convolution. */
  pooled: readonly boolean[];
  taps: FeatureStack['taps'];
}

const numbers = ({ cached, pooled, taps }: KernelAttrs) => [
  pooled.length,
  taps.length,
  Number(cached),
  ...pooled.map(Number),
  ...taps.flatMap(({ conv, activated }) => [conv, Number(activated)]),
];

const kernels = [
  // Inputs: x, the target, filters and biases in turn. Outputs: the loss; for each tap the loss's
  // gradient there; the activations of all convolutions, unless only what is before the last's counts.
  sharedKernel<TensorInfo[], KernelAttrs>(forwardKernel, ({ inputs, attrs, backend }) => {
    const { cached, pooled, taps } = attrs;
    const [images, h, w] = attrs.shape as [number, number, number];
    const firstFilter = 1 + (cached ? taps.length : 1);
    let halvings = 0;
    const results = pooled.map((halved, i) => {
      if (halved) halvings++;
      const channels = inputs[firstFilter + 2 * i]!.shape[3]!;
      return [Math.floor(h / 2 ** halvings), Math.floor(w / 2 ** halvings), channels];
    });
    const last = results.length - 1;
    const kept = taps.some(({ conv, activated }) => conv === last && activated) ? results : results.slice(0, last);
    const shapes = [
      [],
      ...taps.map(({ conv }) => [images, ...results[conv]!]),
      ...kept.map((shape) => [cached ? images : 2 * images, ...shape]),
    ];
    const outputs = shapes.map((shape) => backend.makeOutput(shape, 'float32'));
    backend.run(forwardKernel, inputs, outputs, numbers(attrs));
    return outputs;
  }),
  // Inputs: dy, filters, what the forward pass kept.
  sharedKernel<TensorInfo[], KernelAttrs>(gradKernel, ({ inputs, attrs, backend }) => {
    const dx = backend.makeOutput(attrs.shape, 'float32');
    backend.run(gradKernel, inputs, [dx], numbers(attrs));
    return dx;
  }),
];

kernels.forEach(registerOwnKernel);
