import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor1D, Tensor4D, TensorInfo } from '@tensorflow/tfjs-core';
import { registerOwnKernel, sharedKernel } from '../backend/kernel.js';
import { hasKernel, runKernel } from './dispatch.js';
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
  const { norm, alpha, slope = 0.2, eps = 1e-5 } = options;
  // The kernel's gradient finds what entered LeakyReLU from what left it.
  if (!hasKernel(forwardKernel) || !(slope > 0) || (norm === 'instance' && biases))
    return residualDenseBlockReference(x, filters, biases, options);
  const attrs: KernelAttrs = { convs: filters.length, biased: Boolean(biases), norm, alpha, slope, eps };
  const op = tf.customGrad((...args) => {
    const inputs = args.slice(0, -1) as Tensor[];
    const save = args.at(-1) as unknown as (tensors: Tensor[]) => void;
    const [y, ...kept] = runKernel<Tensor[]>(forwardKernel, inputs, attrs);
    save([...kept, ...inputs.slice(1, 1 + attrs.convs)]);
    return {
      value: y!,
      gradFunc: (dy: Tensor, saved: Tensor[]) => runKernel<Tensor[]>(gradKernel, [dy, ...saved], attrs),
    };
  });
  return op(x, ...filters, ...(biases ?? [])) as Tensor4D;
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

const forwardKernel = 'ResidualDenseBlock';
const gradKernel = 'ResidualDenseBlockGrad';

interface KernelAttrs {
  convs: number;
  biased: boolean;
  norm: DenseBlockOptions['norm'];
  alpha: number;
  slope: number;
  eps: number;
}

const numbers = ({ convs, biased, norm, alpha, slope, eps }: KernelAttrs) => [
  convs,
  Number(biased),
  Number(norm === 'instance'),
  alpha,
  slope,
  eps,
];

const kernels = [
  // Inputs: x, filters, biases. Outputs: y; the buffer of x and all results side by side; with a
  // norm, the inverse deviations of the results.
  sharedKernel<TensorInfo[], KernelAttrs>(forwardKernel, ({ inputs, attrs, backend }) => {
    const [n, h, w, c] = inputs[0]!.shape as [number, number, number, number];
    const last = inputs[attrs.convs]!;
    const read = last.shape[2]!;
    const normed = attrs.norm === 'instance';
    const outputs = [inputs[0]!.shape, [n, h, w, normed ? read + c : read]];
    if (normed) outputs.push([n, read]);
    const infos = outputs.map((shape) => backend.makeOutput(shape, 'float32'));
    backend.run(forwardKernel, inputs, infos, numbers(attrs));
    return infos;
  }),
  // Inputs: dy, what the forward pass kept, filters. Outputs: gradients by x, filters, biases.
  sharedKernel<TensorInfo[], KernelAttrs>(gradKernel, ({ inputs, attrs, backend }) => {
    const filters = inputs.slice(-attrs.convs);
    const shapes = [inputs[0]!.shape, ...filters.map(({ shape }) => shape)];
    if (attrs.biased) shapes.push(...filters.map(({ shape }) => [shape[3]!]));
    const infos = shapes.map((shape) => backend.makeOutput(shape, 'float32'));
    backend.run(gradKernel, inputs, infos, numbers(attrs));
    return infos;
  }),
];

kernels.forEach(registerOwnKernel);
