import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor4D, TensorInfo } from '@tensorflow/tfjs-core';
import { registerOwnKernel, sharedKernel } from '../backend/kernel.js';
import { hasKernel, runKernel } from './dispatch.js';

export interface InstanceNormOptions {
  /** What follows the normalisation. Default linear. */
  activation?: 'linear' | 'relu' | 'leakyRelu';
  /** Of leakyRelu, below 0. Default 0.2. */
  slope?: number;
  /** Added to the variance. Default 1e-5. */
  eps?: number;
}

/**
 * Instance normalisation (Ulyanov et al. 2016) without affine parameters: each channel of each
 * sample, over height and width, to mean 0 and variance 1 (biased), then the activation.
 * Gradients of gradients are supported.
 * @param x [N, H, W, C]
 */
export function instanceNorm(x: Tensor4D, options: InstanceNormOptions = {}): Tensor4D {
  if (!hasKernel('InstanceNorm')) return instanceNormReference(x, options);
  const attrs: Required<InstanceNormOptions> = { activation: 'linear', slope: 0.2, eps: 1e-5, ...options };
  const op = tf.customGrad((...args) => {
    const [a, save] = args as unknown as [Tensor4D, (tensors: Tensor[]) => void];
    save([a]);
    return {
      value: runKernel<Tensor4D>('InstanceNorm', { x: a }, attrs),
      gradFunc: (dy: Tensor, [sx]: Tensor[]) => instanceNormGrad(sx as Tensor4D, dy as Tensor4D, attrs),
    };
  });
  return op(x);
}

/** The same in plain tfjs ops: what other engines run, and what the kernel is tested against. */
export function instanceNormReference(
  x: Tensor4D,
  { activation = 'linear', slope = 0.2, eps = 1e-5 }: InstanceNormOptions = {},
): Tensor4D {
  const distance = tf.sub(x, tf.mean(x, [1, 2], true));
  const variance = tf.mean(tf.square(distance), [1, 2], true);
  const y: Tensor4D = tf.mul(distance, tf.rsqrt(tf.add(variance, eps)));
  if (activation === 'relu') return tf.relu(y);
  return activation === 'leakyRelu' ? tf.leakyRelu(y, slope) : y;
}

/** d/dx of the sum of dy * instanceNorm(x), and its own gradients by x and dy. */
function instanceNormGrad(x: Tensor4D, dy: Tensor4D, attrs: Required<InstanceNormOptions>): Tensor4D {
  const op = tf.customGrad((...args) => {
    const [a, da, save] = args as unknown as [Tensor4D, Tensor4D, (tensors: Tensor[]) => void];
    save([a, da]);
    return {
      value: runKernel<Tensor4D>('InstanceNormGrad', { x: a, dy: da }, attrs),
      gradFunc: (u: Tensor, [sx, sdy]: Tensor[]) =>
        instanceNormSecondGrad(sx as Tensor4D, sdy as Tensor4D, u as Tensor4D, attrs),
    };
  });
  return op(x, dy);
}

/**
 * With z the normalised x, r the inverse deviation, g = dy * activation'(z), the first gradient is
 * r (g - mean g - z b), b = mean(g z). Its product with u, differentiated: by dy
 * r (u - mean u - z a) activation'(z), a = mean(u z); by x
 * -r^2 (z (mean(u g) - mean u mean g - 3 a b) + b (u - mean u) + a (g - mean g)).
 * @returns gradients by x and by dy
 */
function instanceNormSecondGrad(
  x: Tensor4D,
  dy: Tensor4D,
  u: Tensor4D,
  { activation, slope, eps }: Required<InstanceNormOptions>,
): Tensor4D[] {
  const mean = (t: Tensor) => tf.mean(t, [1, 2], true);
  const distance = tf.sub(x, mean(x));
  const inverse = tf.rsqrt(tf.add(mean(tf.square(distance)), eps));
  const z = tf.mul(distance, inverse);
  const gate = activation === 'linear' ? undefined : tf.step(z, activation === 'relu' ? 0 : slope);
  const g = gate ? tf.mul(dy, gate) : dy;
  const uCentred = tf.sub(u, mean(u));
  const gCentred = tf.sub(g, mean(g));
  const a = mean(tf.mul(u, z));
  const b = mean(tf.mul(g, z));
  const byG = tf.mul(inverse, tf.sub(uCentred, tf.mul(z, a)));
  const c = tf.sub(mean(tf.mul(uCentred, gCentred)), tf.mul(3, tf.mul(a, b)));
  const byX = tf.mul(
    tf.neg(tf.square(inverse)),
    tf.add(tf.mul(z, c), tf.add(tf.mul(b, uCentred), tf.mul(a, gCentred))),
  );
  return [byX as Tensor4D, (gate ? tf.mul(byG, gate) : byG) as Tensor4D];
}

/** Must match `Activation` in native/arguments/epilogue.h. */
const activations = { linear: 0, relu: 1, leakyRelu: 4 } as const;

const kernels = ['InstanceNorm', 'InstanceNormGrad'].map((name) =>
  sharedKernel<{ x: TensorInfo; dy?: TensorInfo }, Required<InstanceNormOptions>>(
    name,
    ({ inputs: { x, dy }, attrs: { activation, slope, eps }, backend }) => {
      const result = backend.makeOutput(x.shape, 'float32');
      backend.run(name, dy ? [x, dy] : [x], [result], [activations[activation], slope, eps]);
      return result;
    },
  ),
);

kernels.forEach(registerOwnKernel);
