import type { TensorInfo } from '@tensorflow/tfjs-core';
import { nativeKernel } from '../kernel.js';

const complex = nativeKernel<{ real: TensorInfo; imag: TensorInfo }>('Complex', ({ inputs: { real, imag }, backend }) =>
  backend.makeComplex(backend.alias(real, real.shape), backend.alias(imag, imag.shape)),
);

const part = (name: 'Real' | 'Imag', key: 'real' | 'imag') =>
  nativeKernel<{ input: TensorInfo }>(
    name,
    ({ inputs: { input }, backend }) => backend.alias(backend.complexParts(input)[key], input.shape),
    { anyDtype: true },
  );

export const complexKernels = [complex, part('Real', 'real'), part('Imag', 'imag')];
