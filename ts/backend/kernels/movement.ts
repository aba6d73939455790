import { backend_util, slice_util, util, type TensorInfo } from '@tensorflow/tfjs-core';
import { nativeKernel } from '../kernel.js';
import type { NativeBackend, NativeDType } from '../native-backend.js';

type Unary = { x: TensorInfo };
const dtypeOf = (x: TensorInfo): NativeDType => x.dtype as NativeDType;
/** The same tensor seen under another shape, for the length of a call: no reference is taken. */
const seenAs = (x: TensorInfo, shape: number[]): TensorInfo => ({ ...x, shape });

// --- Shape alone: the data is shared.

const identity = nativeKernel<Unary>('Identity', ({ inputs: { x }, backend }) => backend.alias(x, x.shape), {
  anyDtype: true,
});

const reshape = nativeKernel<Unary, { shape: number[] }>(
  'Reshape',
  ({ inputs: { x }, attrs: { shape }, backend }) => {
    const size = util.sizeFromShape(x.shape);
    const explicit = util.inferFromImplicitShape(shape, size);
    util.assert(
      size === util.sizeFromShape(explicit),
      () =>
        `The new shape [${explicit.join()}] and the old shape [${x.shape.join()}] must have the same number of elements.`,
    );
    return backend.alias(x, explicit);
  },
  { anyDtype: true },
);

const expandDims = nativeKernel<{ input: TensorInfo }, { dim: number }>(
  'ExpandDims',
  ({ inputs: { input }, attrs: { dim }, backend }) => {
    const rank = input.shape.length;
    util.assert(-(rank + 1) <= dim && dim <= rank, () => `Axis must be in the interval [${-(rank + 1)}, ${rank}].`);
    const shape = input.shape.slice();
    shape.splice(dim < 0 ? dim + rank + 1 : dim, 0, 1);
    return backend.alias(input, shape);
  },
  { anyDtype: true },
);

// --- Elements moved.

/** `begin` and `size` may leave out trailing axes, which are taken whole. */
function sliceOf(backend: NativeBackend, x: TensorInfo, from: number[], to: number[]): TensorInfo {
  // Typed for a Tensor, but reads the shape alone.
  const [begin, size] = slice_util.parseSliceParams(x, from, to) as [number[], number[]];
  const y = backend.makeOutput(size, dtypeOf(x));
  backend.run('Slice', [x], [y], begin);
  return y;
}

const slice = nativeKernel<Unary, { begin: number | number[]; size: number | number[] }>(
  'Slice',
  ({ inputs: { x }, attrs, backend }) => {
    // Typed for a Tensor, but reads the shape alone.
    const [begin, size] = slice_util.parseSliceParams(x, attrs.begin, attrs.size) as [number[], number[]];
    slice_util.assertParamsValid(x, begin, size);
    return sliceOf(backend, x, begin, size);
  },
);

interface StridedSliceAttrs {
  begin: number[];
  end: number[];
  strides: number[];
  beginMask: number;
  endMask: number;
  ellipsisMask: number;
  newAxisMask: number;
  shrinkAxisMask: number;
}

const stridedSlice = nativeKernel<Unary, StridedSliceAttrs>('StridedSlice', ({ inputs: { x }, attrs, backend }) => {
  const info = slice_util.sliceInfo(
    x.shape,
    attrs.begin,
    attrs.end,
    attrs.strides,
    attrs.beginMask,
    attrs.endMask,
    attrs.ellipsisMask,
    attrs.newAxisMask,
    attrs.shrinkAxisMask,
  );
  if (info.isIdentity) return backend.alias(x, info.finalShape);
  if (info.sliceDim0 || info.isSimpleSlice) {
    util.assert(x.shape.length >= 1, () => `Input must have rank at least 1, got: ${x.shape.length}`);
    const size = slice_util.computeOutShape(info.begin, info.end, info.strides);
    return { ...sliceOf(backend, x, info.begin, size), shape: info.finalShape };
  }
  const y = backend.makeOutput(info.finalShapeSparse, dtypeOf(x));
  backend.run('StridedSlice', [x], [y], [...info.begin, ...info.strides]);
  return seenAs(y, info.finalShape);
});

type Paddings = [number, number][];
const paddedShape = (x: TensorInfo, paddings: Paddings): number[] =>
  paddings.map(([before, after], axis) => before + x.shape[axis]! + after);

function padOf(backend: NativeBackend, x: TensorInfo, paddings: Paddings, value: number): TensorInfo {
  const y = backend.makeOutput(paddedShape(x, paddings), dtypeOf(x));
  backend.run('PadV2', [x], [y], [...paddings.map(([before]) => before), value]);
  return y;
}

const padV2 = nativeKernel<Unary, { paddings: Paddings; constantValue: number }>(
  'PadV2',
  ({ inputs: { x }, attrs: { paddings, constantValue }, backend }) => padOf(backend, x, paddings, constantValue),
);

const mirrorPad = nativeKernel<Unary, { paddings: Paddings; mode: 'reflect' | 'symmetric' }>(
  'MirrorPad',
  ({ inputs: { x }, attrs: { paddings, mode }, backend }) => {
    const y = backend.makeOutput(paddedShape(x, paddings), dtypeOf(x));
    backend.run('MirrorPad', [x], [y], [...paddings.map(([before]) => before), mode === 'reflect' ? 1 : 0]);
    return y;
  },
);

const tile = nativeKernel<Unary, { reps: number[] }>('Tile', ({ inputs: { x }, attrs: { reps }, backend }) => {
  const y = backend.makeOutput(
    x.shape.map((dim, axis) => dim * reps[axis]!),
    dtypeOf(x),
  );
  backend.run('Tile', [x], [y]);
  return y;
});

const reverse = nativeKernel<Unary, { dims: number | number[] }>(
  'Reverse',
  ({ inputs: { x }, attrs: { dims }, backend }) => {
    const axes = util.parseAxisParam(dims, x.shape);
    const y = backend.makeOutput(x.shape, dtypeOf(x));
    backend.run('Reverse', [x], [y], axes);
    return y;
  },
);

const flipLeftRight = nativeKernel<{ image: TensorInfo }>('FlipLeftRight', ({ inputs: { image }, backend }) => {
  const y = backend.makeOutput(image.shape, dtypeOf(image));
  backend.run('Reverse', [image], [y], [2]);
  return y;
});

function concatOf(backend: NativeBackend, inputs: TensorInfo[], axis: number): TensorInfo {
  const shapes = inputs.map((x) => x.shape);
  const at = util.parseAxisParam(axis, shapes[0]!)[0]!;
  backend_util.assertParamsConsistent(shapes, at);
  const parts = inputs.filter((x) => util.sizeFromShape(x.shape) > 0);
  if (parts.length === 1) return backend.alias(parts[0]!, parts[0]!.shape);
  const y = backend.makeOutput(backend_util.computeOutShape(shapes, at), dtypeOf(inputs[0]!));
  if (parts.length > 0) backend.run('Concat', parts, [y], [at]);
  return y;
}

const concat = nativeKernel<TensorInfo[], { axis: number }>('Concat', ({ inputs, attrs: { axis }, backend }) =>
  concatOf(backend, inputs, axis),
);

const pack = nativeKernel<TensorInfo[], { axis: number }>('Pack', ({ inputs, attrs: { axis }, backend }) => {
  const { shape, dtype } = inputs[0]!;
  for (const x of inputs) {
    util.assertShapesMatch(shape, x.shape, 'All tensors passed to stack must have matching shapes');
    util.assert(dtype === x.dtype, () => 'All tensors passed to stack must have matching dtypes');
  }
  const expanded = shape.slice();
  expanded.splice(axis < 0 ? axis + shape.length + 1 : axis, 0, 1);
  return concatOf(
    backend,
    inputs.map((x) => seenAs(x, expanded)),
    axis,
  );
});

const splitV = nativeKernel<Unary, { numOrSizeSplits: number | number[]; axis: number }>(
  'SplitV',
  ({ inputs: { x }, attrs: { numOrSizeSplits, axis }, backend }) => {
    const at = util.parseAxisParam(axis, x.shape)[0]!;
    // Typed for a Tensor, but reads the shape alone.
    const sizes = backend_util.prepareSplitSize(x, numOrSizeSplits, at);
    const begin = x.shape.map(() => 0);
    return sizes.map((size) => {
      const part = sliceOf(backend, x, begin, x.shape.with(at, size));
      begin[at]! += size;
      return part;
    });
  },
);

const unpack = nativeKernel<{ value: TensorInfo }, { axis: number }>(
  'Unpack',
  ({ inputs: { value }, attrs: { axis }, backend }) => {
    const at = axis < 0 ? axis + value.shape.length : axis;
    const shape = value.shape.toSpliced(at, 1);
    const begin = value.shape.map(() => 0);
    return Array.from({ length: value.shape[at]! }, (_, i) =>
      seenAs(sliceOf(backend, value, begin.with(at, i), value.shape.with(at, 1)), shape),
    );
  },
);

function transposeOf(backend: NativeBackend, x: TensorInfo, perm: number[]): TensorInfo {
  const y = backend.makeOutput(
    perm.map((axis) => x.shape[axis]!),
    dtypeOf(x),
  );
  backend.run('Transpose', [x], [y], perm);
  return y;
}

const transpose = nativeKernel<Unary, { perm: number[] }>('Transpose', ({ inputs: { x }, attrs: { perm }, backend }) =>
  transposeOf(backend, x, perm),
);

const depthToSpace = nativeKernel<Unary, { blockSize: number; dataFormat: string }>(
  'DepthToSpace',
  ({ inputs: { x }, attrs: { blockSize: block, dataFormat }, backend }) => {
    util.assert(dataFormat === 'NHWC', () => `depthToSpace takes NHWC only, got ${dataFormat}`);
    const [batch, height, width, channels] = x.shape as [number, number, number, number];
    const depth = channels / (block * block);
    const y = transposeOf(backend, seenAs(x, [batch, height, width, block, block, depth]), [0, 1, 3, 2, 4, 5]);
    return seenAs(y, [batch, height * block, width * block, depth]);
  },
);

const spaceToBatch = nativeKernel<Unary, { blockShape: number[]; paddings: Paddings }>(
  'SpaceToBatchND',
  ({ inputs: { x }, attrs: { blockShape, paddings }, backend }) => {
    const size = util.sizeFromShape(blockShape);
    const all: Paddings = x.shape.map((_, axis) => paddings[axis - 1] ?? [0, 0]);
    const padded = padOf(backend, x, all, 0);
    const split = backend_util.getReshaped(padded.shape, blockShape, size, false);
    const perm = backend_util.getPermuted(split.length, blockShape.length, false);
    const y = transposeOf(backend, seenAs(padded, split), perm);
    backend.release(padded);
    return seenAs(y, backend_util.getReshapedPermuted(padded.shape, blockShape, size, false));
  },
);

const batchToSpace = nativeKernel<Unary, { blockShape: number[]; crops: number[][] }>(
  'BatchToSpaceND',
  ({ inputs: { x }, attrs: { blockShape, crops }, backend }) => {
    const size = util.sizeFromShape(blockShape);
    const split = backend_util.getReshaped(x.shape, blockShape, size);
    const moved = transposeOf(backend, seenAs(x, split), backend_util.getPermuted(split.length, blockShape.length));
    const whole = backend_util.getReshapedPermuted(x.shape, blockShape, size);
    const begin = backend_util.getSliceBeginCoords(crops, blockShape.length);
    const y = sliceOf(backend, seenAs(moved, whole), begin, backend_util.getSliceSize(whole, crops, blockShape.length));
    backend.release(moved);
    return y;
  },
);

export const movementKernels = [
  ...[identity, reshape, expandDims, slice, stridedSlice, padV2, mirrorPad, tile, reverse, flipLeftRight],
  ...[concat, pack, splitV, unpack, transpose, depthToSpace, spaceToBatch, batchToSpace],
];
