import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor1D, TensorInfo } from '@tensorflow/tfjs-core';
import { registerOwnKernel, sharedKernel } from '../backend/kernel.js';
import { hasKernel, runKernel } from './dispatch.js';

export interface BatchNormOptions {
  /** What follows the normalisation. Default linear. */
  activation?: 'linear' | 'relu';
  /** Added to the variance. Default 1e-5. */
  eps?: number;
}

/**
 * Batch normalisation in training (Ioffe & Szegedy 2015): each channel, over batch, height and
 * width, to mean 0 and variance 1 by the batch's own (biased) statistics, then times `scale` plus
 * `offset`, then the activation, in one kernel each way.
 * @param x [..., C]; scale and offset are [C]
 */
export function batchNormTrain<T extends Tensor>(
  x: T,
  scale: Tensor1D,
  offset: Tensor1D,
  { activation = 'linear', eps = 1e-5 }: BatchNormOptions = {},
): T {
  if (!hasKernel(forwardKernel)) return batchNormTrainReference(x, scale, offset, { activation, eps });
  const relu = activation === 'relu';
  const op = tf.customGrad((...args) => {
    const [a, gain, shift, save] = args as unknown as [Tensor, Tensor1D, Tensor1D, (tensors: Tensor[]) => void];
    const [y, mean, inverse] = runKernel<[Tensor, Tensor, Tensor]>(
      forwardKernel,
      { x: a, scale: gain, offset: shift },
      { eps, relu },
    );
    save([a, gain, y, mean, inverse]);
    return {
      value: y,
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [sx, sScale, sy, sMean, sInverse] = saved as [Tensor, Tensor, Tensor, Tensor, Tensor];
        return runKernel<Tensor[]>(
          gradKernel,
          { x: sx, dy, scale: sScale, mean: sMean, inverse: sInverse, y: sy },
          { relu },
        );
      },
    };
  });
  return op(x, scale, offset) as T;
}

/** The same in plain tfjs ops: what other engines run, and what the kernel is tested against. */
export function batchNormTrainReference<T extends Tensor>(
  x: T,
  scale: Tensor1D,
  offset: Tensor1D,
  { activation = 'linear', eps = 1e-5 }: BatchNormOptions = {},
): T {
  const axes = x.shape.slice(0, -1).map((_, axis) => axis);
  const mean = tf.mean(x, axes);
  const distance = tf.sub(x, mean);
  const variance = tf.mean(tf.square(distance), axes);
  const y = tf.add(tf.mul(tf.mul(distance, tf.rsqrt(tf.add(variance, eps))), scale), offset);
  return (activation === 'relu' ? tf.relu(y) : y) as T;
}

const forwardKernel = 'BatchNormTrain';
const gradKernel = 'BatchNormTrainGrad';

interface ForwardInputs {
  x: TensorInfo;
  scale: TensorInfo;
  offset: TensorInfo;
}

interface GradInputs {
  x: TensorInfo;
  dy: TensorInfo;
  scale: TensorInfo;
  mean: TensorInfo;
  inverse: TensorInfo;
  y: TensorInfo;
}

const kernels = [
  sharedKernel<ForwardInputs, { eps: number; relu: boolean }>(
    forwardKernel,
    ({ inputs: { x, scale, offset }, attrs: { eps, relu }, backend }) => {
      const y = backend.makeOutput(x.shape, 'float32');
      const mean = backend.makeOutput(scale.shape, 'float32');
      const inverse = backend.makeOutput(scale.shape, 'float32');
      backend.run(forwardKernel, [x, scale, offset], [y, mean, inverse], [eps, Number(relu)]);
      return [y, mean, inverse];
    },
  ),
  sharedKernel<GradInputs, { relu: boolean }>(
    gradKernel,
    ({ inputs: { x, dy, scale, mean, inverse, y }, attrs: { relu }, backend }) => {
      const dx = backend.makeOutput(x.shape, 'float32');
      const dScale = backend.makeOutput(scale.shape, 'float32');
      const dOffset = backend.makeOutput(scale.shape, 'float32');
      backend.run(gradKernel, [x, dy, scale, mean, inverse, y], [dx, dScale, dOffset], [Number(relu)]);
      return [dx, dScale, dOffset];
    },
  ),
];

kernels.forEach(registerOwnKernel);
