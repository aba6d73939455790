import { util, type TensorInfo } from '@tensorflow/tfjs-core';
import { nativeKernel } from '../kernel.js';

interface BatchNormInputs {
  x: TensorInfo;
  mean: TensorInfo;
  variance: TensorInfo;
  offset?: TensorInfo;
  scale?: TensorInfo;
}

const fusedBatchNorm = nativeKernel<BatchNormInputs, { varianceEpsilon?: number }>(
  'FusedBatchNorm',
  ({ inputs: { x, mean, variance, offset, scale }, attrs: { varianceEpsilon = 0.001 }, backend }) => {
    for (const [name, info] of Object.entries({ variance, offset, scale }))
      util.assert(
        !info || info.shape.length === mean.shape.length,
        () => `Batch normalization gradient requires mean and ${name} to have equal ranks.`,
      );
    const y = backend.makeOutput(x.shape, 'float32');
    const inputs = [x, mean, variance, offset, scale].filter((info) => info != null);
    backend.run('FusedBatchNorm', inputs, [y], [varianceEpsilon, Number(offset != null), Number(scale != null)]);
    return y;
  },
);

export const normaliseKernels = [fusedBatchNorm];
