import type { TensorInfo } from '@tensorflow/tfjs-core';
import { nativeKernel } from '../kernel.js';
import type { NativeBackend, NativeDType } from '../native-backend.js';
import { castTo } from './create.js';

interface ResizeAttrs {
  alignCorners: boolean;
  halfPixelCenters: boolean;
  size: [number, number];
}

const flags = (attrs: ResizeAttrs): number[] => [Number(attrs.alignCorners), Number(attrs.halfPixelCenters)];

function resized(
  backend: NativeBackend,
  name: string,
  images: TensorInfo,
  shape: number[],
  dtype: NativeDType,
  attrs: number[],
): TensorInfo {
  const input = castTo(backend, images, 'float32');
  const y = backend.makeOutput(shape, 'float32');
  backend.run(name, [input], [y], attrs);
  backend.release(input);
  if (dtype === 'float32') return y;
  const result = castTo(backend, y, dtype);
  backend.release(y);
  return result;
}

const resize = (name: string, dtypeOf: (images: TensorInfo) => NativeDType) =>
  nativeKernel<{ images: TensorInfo }, ResizeAttrs>(name, ({ inputs: { images }, attrs, backend }) => {
    const [batch, , , channels] = images.shape as [number, number, number, number];
    return resized(backend, name, images, [batch, ...attrs.size, channels], dtypeOf(images), flags(attrs));
  });

/** tfjs's own gradients ignore halfPixelCenters; this one is the forward pass's. */
const resizeGrad = (name: string) =>
  nativeKernel<{ images: TensorInfo; dy: TensorInfo }, ResizeAttrs>(
    name,
    ({ inputs: { images, dy }, attrs, backend }) => resized(backend, name, dy, images.shape, 'float32', flags(attrs)),
  );

export const imageKernels = [
  resize('ResizeBilinear', () => 'float32'),
  resize('ResizeNearestNeighbor', (images) => images.dtype as NativeDType),
  resizeGrad('ResizeBilinearGrad'),
  resizeGrad('ResizeNearestNeighborGrad'),
];
