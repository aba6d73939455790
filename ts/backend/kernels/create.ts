import { backend_util, util, type DataType, type TensorInfo } from '@tensorflow/tfjs-core';
import { runOnHost } from '../host-kernel.js';
import { nativeKernel, type KernelHost } from '../kernel.js';
import type { NativeBackend, NativeDType } from '../native-backend.js';

/** The tensor in another dtype, as a reference that the caller owns; the same data where the dtype is the same. */
export function castTo(backend: KernelHost, x: TensorInfo, dtype: DataType): TensorInfo {
  if (x.dtype === dtype) return backend.retain(x);
  const y = backend.makeOutput(x.shape, dtype as NativeDType);
  backend.run('Cast', [x], [y]);
  return y;
}

/** A tensor of one value. */
export function filled(
  backend: NativeBackend,
  shape: readonly number[],
  dtype: NativeDType,
  value: number,
): TensorInfo {
  const y = backend.makeOutput(shape, dtype);
  backend.run('Fill', [], [y], [value]);
  return y;
}

const cast = nativeKernel<{ x: TensorInfo }, { dtype: DataType }>(
  'Cast',
  ({ inputs: { x }, attrs: { dtype }, backend }) => {
    if (x.dtype === dtype) return backend.alias(x, x.shape);
    if (x.dtype === 'complex64') {
      const { real } = backend.complexParts(x);
      return castTo(backend, { ...real, shape: x.shape }, dtype);
    }
    if (dtype === 'complex64') {
      const real = castTo(backend, x, 'float32');
      return backend.makeComplex(real, filled(backend, x.shape, 'float32', 0));
    }
    if (x.dtype === 'string' || dtype === 'string') return runOnHost('Cast', { x }, { dtype }, backend);
    return castTo(backend, x, dtype);
  },
  { anyDtype: true },
);

interface FillAttrs {
  shape: number[];
  value: number | string;
  dtype?: DataType;
}

const fill = nativeKernel<object, FillAttrs>('Fill', ({ attrs, backend }) => {
  const dtype = attrs.dtype ?? util.inferDtype(attrs.value);
  if (typeof attrs.value === 'string' || dtype === 'string') return runOnHost('Fill', {}, { ...attrs }, backend);
  return filled(backend, attrs.shape, dtype as NativeDType, attrs.value);
});

const like = (name: string, value: number) =>
  nativeKernel<{ x: TensorInfo }>(name, ({ inputs: { x }, backend }) =>
    filled(backend, x.shape, x.dtype as NativeDType, value),
  );

const range = nativeKernel<object, { start: number; stop: number; step: number; dtype: 'float32' | 'int32' }>(
  'Range',
  ({ attrs: { start, stop, step, dtype }, backend }) => {
    const empty = start === stop || (start < stop && step < 0) || (stop < start && step > 1);
    const y = backend.makeOutput([empty ? 0 : Math.abs(Math.ceil((stop - start) / step))], dtype);
    backend.run('Range', [], [y], [start, start > stop && step === 1 ? -1 : step]);
    return y;
  },
);

const linSpace = nativeKernel<object, { start: number; stop: number; num: number }>(
  'LinSpace',
  ({ attrs: { start, stop, num }, backend }) => {
    const y = backend.makeOutput([num], 'float32');
    backend.run('Range', [], [y], [start, num > 1 ? (stop - start) / (num - 1) : 0]);
    return y;
  },
);

const oneHot = nativeKernel<
  { indices: TensorInfo },
  { depth: number; onValue: number; offValue: number; dtype: NativeDType }
>('OneHot', ({ inputs: { indices }, attrs: { depth, onValue, offValue, dtype }, backend }) => {
  const y = backend.makeOutput([...indices.shape, depth], dtype);
  backend.run('OneHot', [indices], [y], [depth, onValue, offValue]);
  return y;
});

const select = nativeKernel<{ condition: TensorInfo; t: TensorInfo; e: TensorInfo }>(
  'Select',
  ({ inputs: { condition, t, e }, backend }) => {
    const dtype = backend_util.upcastType(t.dtype, e.dtype) as NativeDType;
    const [then, otherwise] = [castTo(backend, t, dtype), castTo(backend, e, dtype)];
    const y = backend.makeOutput(t.shape, dtype);
    backend.run('Select', [condition, then, otherwise], [y]);
    backend.release(then);
    backend.release(otherwise);
    return y;
  },
);

export const createKernels = [cast, fill, like('ZerosLike', 0), like('OnesLike', 1), range, linSpace, oneHot, select];
