import { backend_util, util, type TensorInfo } from '@tensorflow/tfjs-core';
import { nativeKernel } from '../kernel.js';
import type { NativeBackend } from '../native-backend.js';
import { castTo } from './create.js';

interface PoolAttrs {
  filterSize: [number, number] | number;
  strides: [number, number] | number;
  pad: 'valid' | 'same' | number | backend_util.ExplicitPadding;
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

/** tfjs's pooling kernels never dilate: tf.pool does it around them. */
const geometry = (x: TensorInfo, { filterSize, strides, pad, dimRoundingMode }: PoolAttrs): backend_util.Conv2DInfo =>
  backend_util.computePool2DInfo(
    x.shape as [number, number, number, number],
    filterSize,
    strides,
    1,
    pad,
    dimRoundingMode,
  );

/** The native attributes (native/cpu/pool.cc). */
const attributesOf = (info: backend_util.Conv2DInfo): number[] => [
  ...[info.strideHeight, info.strideWidth, info.dilationHeight, info.dilationWidth],
  ...[info.filterHeight, info.filterWidth, info.padInfo.top, info.padInfo.left],
];

const pooling = (name: 'MaxPool' | 'AvgPool') =>
  nativeKernel<{ x: TensorInfo }, PoolAttrs>(name, ({ inputs: { x }, attrs, backend }) => {
    const info = geometry(x, attrs);
    if (info.filterHeight === 1 && info.filterWidth === 1 && util.arraysEqual(info.inShape, info.outShape))
      return backend.alias(x, x.shape);
    const input = castTo(backend, x, 'float32');
    const y = backend.makeOutput(info.outShape, 'float32');
    backend.run(name, [input], [y], attributesOf(info));
    backend.release(input);
    if (x.dtype === 'float32') return y;
    const result = castTo(backend, y, x.dtype);
    backend.release(y);
    return result;
  });

function gradient(
  backend: NativeBackend,
  name: string,
  inputs: TensorInfo[],
  x: TensorInfo,
  attrs: PoolAttrs,
): TensorInfo {
  const dx = backend.makeOutput(x.shape, 'float32');
  backend.run(name, inputs, [dx], attributesOf(geometry(x, attrs)));
  return dx;
}

const maxPoolGrad = nativeKernel<{ dy: TensorInfo; input: TensorInfo }, PoolAttrs>(
  'MaxPoolGrad',
  ({ inputs: { dy, input }, attrs, backend }) => gradient(backend, 'MaxPoolGrad', [dy, input], input, attrs),
);

const avgPoolGrad = nativeKernel<{ dy: TensorInfo; input: TensorInfo }, PoolAttrs>(
  'AvgPoolGrad',
  ({ inputs: { dy, input }, attrs, backend }) => gradient(backend, 'AvgPoolGrad', [dy], input, attrs),
);

export const poolKernels = [pooling('MaxPool'), pooling('AvgPool'), maxPoolGrad, avgPoolGrad];
