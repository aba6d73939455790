import { backend_util, util, type DataType, type TensorInfo } from '@tensorflow/tfjs-core';
import { nativeKernel } from '../kernel.js';
import type { NativeDType } from '../native-backend.js';
import { castTo } from './create.js';

type Unary = { x: TensorInfo };
interface ReduceAttrs {
  axis?: number | number[];
  reductionIndices?: number | number[];
  keepDims: boolean;
}

/** `dtypeFor` says in which dtype an input is reduced; the result has it too. */
const reduction = (name: string, dtypeFor: (dtype: DataType) => DataType) =>
  nativeKernel<Unary, ReduceAttrs>(name, ({ inputs: { x }, attrs, backend }) => {
    const axes = util.parseAxisParam((attrs.axis ?? attrs.reductionIndices)!, x.shape);
    const [shape] = backend_util.computeOutAndReduceShapes(x.shape, axes);
    const input = castTo(backend, x, dtypeFor(x.dtype));
    const outShape = attrs.keepDims ? backend_util.expandShapeToKeepDim(shape, axes) : shape;
    const y = backend.makeOutput(outShape, input.dtype as NativeDType);
    backend.run(name, [input], [y], axes);
    backend.release(input);
    return y;
  });

const asNumber = (dtype: DataType): DataType => (dtype === 'bool' ? 'int32' : dtype);
const asItIs = (dtype: DataType): DataType => dtype;

const argExtreme = (name: string) =>
  nativeKernel<Unary, { axis: number }>(name, ({ inputs: { x }, attrs: { axis }, backend }) => {
    const axes = util.parseAxisParam(axis, x.shape);
    const [shape] = backend_util.computeOutAndReduceShapes(x.shape, [axes[0]!]);
    const y = backend.makeOutput(shape, 'int32');
    backend.run(name, [x], [y], [axes[0]!]);
    return y;
  });

const softmax = nativeKernel<{ logits: TensorInfo }, { dim: number }>(
  'Softmax',
  ({ inputs: { logits }, attrs: { dim }, backend }) => {
    const last = logits.shape.length - 1;
    if (dim !== -1 && dim !== last)
      throw new Error(
        `Softmax along a non-last dimension is not yet supported. Logits was rank ${last + 1} and dim was ${dim}`,
      );
    const input = castTo(backend, logits, 'float32');
    const y = backend.makeOutput(logits.shape, 'float32');
    backend.run('Softmax', [input], [y]);
    backend.release(input);
    return y;
  },
);

export const reductionKernels = [
  reduction('Sum', asNumber),
  reduction('Prod', asNumber),
  reduction('Mean', () => 'float32'),
  ...['Max', 'Min', 'All', 'Any'].map((name) => reduction(name, asItIs)),
  argExtreme('ArgMax'),
  argExtreme('ArgMin'),
  softmax,
];
