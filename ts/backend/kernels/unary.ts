import type { TensorInfo } from '@tensorflow/tfjs-core';
import { nativeKernel } from '../kernel.js';

const unary = (name: string) =>
  nativeKernel<{ x: TensorInfo }>(name, ({ inputs: { x }, backend }) => {
    const y = backend.makeOutput(x.shape, 'float32');
    backend.run(name, [x], [y]);
    return y;
  });

export const unaryKernels = ['Relu', 'Neg'].map(unary);
