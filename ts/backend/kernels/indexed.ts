import { backend_util, util, type TensorInfo } from '@tensorflow/tfjs-core';
import { nativeKernel } from '../kernel.js';
import type { NativeDType } from '../native-backend.js';
import { castTo } from './create.js';

const seenAs = (x: TensorInfo, shape: number[]): TensorInfo => ({ ...x, shape });

const gather = nativeKernel<{ x: TensorInfo; indices: TensorInfo }, { axis: number; batchDims?: number }>(
  'GatherV2',
  ({ inputs: { x, indices }, attrs: { axis, batchDims }, backend }) => {
    const at = util.parseAxisParam(axis, x.shape)[0]!;
    // Typed for Tensors, but reads the shapes alone.
    const info = backend_util.segment_util.collectGatherOpShapeInfo(x, indices, at, batchDims ?? 0);
    const { batchSize: batch, outerSize, dimSize, sliceSize } = info;
    const count = util.sizeFromShape(indices.shape) / batch;
    const y = backend.makeOutput([batch, outerSize, count, sliceSize], x.dtype as NativeDType);
    const index = castTo(backend, indices, 'int32');
    backend.run('GatherV2', [seenAs(x, [batch, outerSize, dimSize, sliceSize]), seenAs(index, [batch, count])], [y]);
    backend.release(index);
    return seenAs(y, info.outputShape);
  },
);

const gatherNd = nativeKernel<{ params: TensorInfo; indices: TensorInfo }>(
  'GatherNd',
  ({ inputs: { params, indices }, backend }) => {
    // Typed for Tensors, but reads the shapes and dtypes alone.
    const [shape, rows, inner, strides] = backend_util.prepareAndValidate(params, indices);
    const depth = indices.shape.at(-1)!;
    const y = backend.makeOutput([rows, inner], params.dtype as NativeDType);
    const cells = util.sizeFromShape(params.shape) / inner;
    const steps = strides.slice(0, depth);
    backend.run('GatherNd', [seenAs(params, [cells, inner]), seenAs(indices, [rows, depth])], [y], steps);
    return seenAs(y, shape);
  },
);

const scatterNd = nativeKernel<{ indices: TensorInfo; updates: TensorInfo }, { shape: number[] }>(
  'ScatterNd',
  ({ inputs: { indices, updates }, attrs: { shape }, backend }) => {
    const info = backend_util.calculateShapes(updates, indices, shape);
    const { sliceRank, numUpdates, sliceSize, strides, outputSize } = info;
    if (outputSize === 0) return backend.makeOutput(shape, updates.dtype as NativeDType);
    const dtype: NativeDType = updates.dtype === 'bool' ? 'int32' : (updates.dtype as NativeDType);
    const values = castTo(backend, updates, dtype);
    const y = backend.makeOutput([outputSize / sliceSize, sliceSize], dtype);
    backend.run(
      'ScatterNd',
      [seenAs(values, [numUpdates, sliceSize]), seenAs(indices, [numUpdates, sliceRank])],
      [y],
      strides.slice(0, sliceRank),
    );
    backend.release(values);
    return seenAs(y, shape);
  },
);

const unsortedSegmentSum = nativeKernel<{ x: TensorInfo; segmentIds: TensorInfo }, { numSegments: number }>(
  'UnsortedSegmentSum',
  ({ inputs: { x, segmentIds }, attrs: { numSegments }, backend }) => {
    const rows = util.sizeFromShape(segmentIds.shape);
    const inner = x.shape.slice(segmentIds.shape.length);
    const width = util.sizeFromShape(inner);
    const y = backend.makeOutput([numSegments, width], x.dtype as NativeDType);
    backend.run('UnsortedSegmentSum', [seenAs(x, [rows, width]), seenAs(segmentIds, [rows])], [y]);
    return seenAs(y, [numSegments, ...inner]);
  },
);

const scan = (name: 'Cumsum' | 'Cumprod') =>
  nativeKernel<{ x: TensorInfo }, { axis: number; exclusive: boolean; reverse: boolean }>(
    name,
    ({ inputs: { x }, attrs: { axis, exclusive, reverse }, backend }) => {
      const at = util.parseAxisParam(axis, x.shape)[0]!;
      const outer = util.sizeFromShape(x.shape.slice(0, at));
      const inner = util.sizeFromShape(x.shape.slice(at + 1));
      const input = castTo(backend, x, x.dtype === 'bool' ? 'int32' : x.dtype);
      const y = backend.makeOutput(x.shape, input.dtype as NativeDType);
      const shape = [outer, x.shape[at]!, inner];
      backend.run(name, [seenAs(input, shape)], [seenAs(y, shape)], [Number(exclusive), Number(reverse)]);
      backend.release(input);
      return y;
    },
  );

export const indexedKernels = [gather, gatherNd, scatterNd, unsortedSegmentSum, scan('Cumsum'), scan('Cumprod')];
