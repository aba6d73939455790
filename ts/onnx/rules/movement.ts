import { backend_util, util, type TensorInfo } from '@tensorflow/tfjs-core';
import { toNchw, toNhwc, type Layout, type TraceBackend } from '../trace-backend.js';
import { commonLayout } from './elementwise.js';
import { rule, type Rules } from './rule.js';

/** tfjs's axis in a layout. */
export function axisIn(layout: Layout, axis: number): number {
  return layout === 'image' ? toNchw.indexOf(axis as 0 | 1 | 2 | 3) : axis;
}

const layoutOf = (trace: TraceBackend, x: TensorInfo): Layout => (trace.isImage(x) ? 'image' : 'plain');

/** One entry per tfjs axis, in the order of a layout. */
const ordered = <T>(layout: Layout, entries: readonly T[]): T[] =>
  layout === 'image' ? toNchw.map((axis) => entries[axis]!) : [...entries];

export function emitPad(
  trace: TraceBackend,
  x: TensorInfo,
  paddings: readonly (readonly [number, number])[],
  mode: 'constant' | 'reflect',
  value?: number,
): TensorInfo {
  const layout = layoutOf(trace, x);
  const pads = ordered(layout, paddings);
  const inputs = [trace.operand(x, layout), trace.graph.integers([...pads.map(([p]) => p), ...pads.map(([, p]) => p)])];
  if (value !== undefined) inputs.push(trace.graph.floats(value));
  return trace.emit(
    { op: 'Pad', inputs, attributes: { mode } },
    {
      shape: x.shape.map((size, axis) => size + paddings[axis]![0] + paddings[axis]![1]),
      layout,
      open: trace.open(x),
      dtype: x.dtype,
    },
  );
}

const slice = rule<{ x: TensorInfo }, { begin: number | number[]; size: number | number[] }>(
  ({ inputs: { x }, attrs, trace }) => {
    const given = (value: number | number[], axis: number, rest: number) =>
      typeof value === 'number' ? (axis === 0 ? value : rest) : (value[axis] ?? rest);
    const begins = x.shape.map((_, axis) => given(attrs.begin, axis, 0));
    const sizes = x.shape.map((full, axis) => {
      const size = given(attrs.size, axis, -1);
      return size < 0 ? full - begins[axis]! : size;
    });
    const layout = layoutOf(trace, x);
    const open = trace.open(x);
    const cut = x.shape.flatMap((full, axis) => {
      const [begin, size] = [begins[axis]!, sizes[axis]!];
      if (begin === 0 && size === full) return [];
      // Where the size is open, what is cut off at the end is fixed, not where it ends.
      const end = begin + size === full ? Infinity : open[axis] ? begin + size - full : begin + size;
      return [{ axis: axisIn(layout, axis), begin, end }];
    });
    if (cut.length === 0) return trace.alias(x);
    return trace.emit(
      {
        op: 'Slice',
        inputs: [
          trace.operand(x, layout),
          trace.graph.integers(cut.map(({ begin }) => begin)),
          trace.graph.integers(cut.map(({ end }) => end)),
          trace.graph.integers(cut.map(({ axis }) => axis)),
        ],
      },
      { shape: sizes, layout, open, dtype: x.dtype },
    );
  },
);

/**
 * ONNX's target shape: 0 copies the input's size at that place, -1 is what is left. Sizes that go
 * by the input's may only be copied from the front, or be the one that is left.
 */
function reshapeTarget(
  from: readonly number[],
  open: readonly boolean[],
  to: readonly number[],
): { target: number[]; open: boolean[] } {
  let front = 0;
  while (front < Math.min(from.length, to.length) && from[front] === to[front]) front++;
  let back = 0;
  while (
    back < Math.min(from.length, to.length) - front &&
    from[from.length - 1 - back] === to[to.length - 1 - back] &&
    !open[from.length - 1 - back]
  )
    back++;
  const isOpen = open.slice(front, from.length - back).includes(true);
  const middle = to.slice(front, to.length - back);
  const left = middle.findIndex((size) => size !== 1);
  if (isOpen && middle.filter((size) => size !== 1).length !== 1)
    throw new Error(
      `A reshape from [${from.join(', ')}] to [${to.join(', ')}] cannot be exported: several sizes go by the input's.`,
    );
  return {
    target: [
      ...to.slice(0, front).map((size, axis) => (open[axis] ? 0 : size)),
      ...middle.map((size, axis) => (isOpen && axis === left ? -1 : size)),
      ...to.slice(to.length - back),
    ],
    open: [
      ...open.slice(0, front),
      ...middle.map((_, axis) => isOpen && axis === left),
      ...to.slice(to.length - back).map(() => false),
    ],
  };
}

const reshape = rule<{ x: TensorInfo }, { shape: number[] }>(({ inputs: { x }, attrs, trace }) => {
  const shape = util.inferFromImplicitShape(attrs.shape, util.sizeFromShape(x.shape));
  if (util.arraysEqual(shape, x.shape)) return trace.alias(x);
  const open = trace.open(x);
  const [, height, width] = x.shape;
  // Of one pixel, an image's values lie the same in either layout.
  const onePixel = trace.isImage(x) && height === 1 && width === 1 && !open[1] && !open[2];
  const { target, open: openAfter } = reshapeTarget(x.shape, open, shape);
  return trace.emit(
    {
      op: 'Reshape',
      inputs: [trace.operand(x, onePixel ? 'image' : 'plain'), trace.graph.integers(target)],
    },
    { shape, layout: 'plain', open: openAfter, dtype: x.dtype },
  );
});

const transpose = rule<{ x: TensorInfo }, { perm: number[] }>(({ inputs: { x }, attrs: { perm }, trace }) => {
  const shape = perm.map((axis) => x.shape[axis]!);
  const open = perm.map((axis) => trace.open(x)[axis]!);
  const value = trace.value(x);
  // NHWC to NCHW, and back, only change what the axes are called.
  if (value.kind === 'traced' && value.layout === 'image' && perm.join() === toNchw.join())
    return trace.traced(value.name, { shape, layout: 'plain', open, dtype: x.dtype });
  if (value.kind === 'traced' && value.layout === 'plain' && perm.join() === toNhwc.join())
    return trace.traced(value.name, { shape, layout: 'image', open, dtype: x.dtype });
  return trace.emit(
    { op: 'Transpose', inputs: [trace.operand(x, 'plain')], attributes: { perm } },
    { shape, layout: 'plain', open, dtype: x.dtype },
  );
});

const concat = rule<TensorInfo[], { axis: number }>(({ inputs, attrs, trace }) => {
  const parts = Object.values(inputs);
  const axis = util.parseAxisParam(attrs.axis, parts[0]!.shape)[0]!;
  const layout = commonLayout(trace, parts);
  return trace.emit(
    {
      op: 'Concat',
      inputs: parts.map((part) => trace.operand(part, layout)),
      attributes: { axis: { int: axisIn(layout, axis) } },
    },
    {
      shape: backend_util.computeOutShape(
        parts.map(({ shape }) => shape),
        axis,
      ),
      layout,
      open: parts[0]!.shape.map((_, a) => parts.some((part) => trace.open(part)[a])),
      dtype: parts[0]!.dtype,
    },
  );
});

export const movementRules: Rules = {
  Identity: rule<{ x: TensorInfo }>(({ inputs: { x }, trace }) => trace.alias(x)),
  Reshape: reshape,
  Transpose: transpose,
  Slice: slice,
  Concat: concat,
  PadV2: rule<{ x: TensorInfo }, { paddings: [number, number][]; constantValue: number }>(
    ({ inputs: { x }, attrs, trace }) => emitPad(trace, x, attrs.paddings, 'constant', attrs.constantValue),
  ),
  MirrorPad: rule<{ x: TensorInfo }, { paddings: [number, number][]; mode: 'reflect' | 'symmetric' }>(
    ({ inputs: { x }, attrs, trace }) => {
      if (attrs.mode !== 'reflect') throw new Error(`ONNX has no padding of the mode '${attrs.mode}'.`);
      return emitPad(trace, x, attrs.paddings, 'reflect');
    },
  ),
};
