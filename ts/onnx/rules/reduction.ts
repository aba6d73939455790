import { util, type TensorInfo } from '@tensorflow/tfjs-core';
import { axisIn } from './movement.js';
import { rule, type Rule, type Rules } from './rule.js';

const reduction = (op: string): Rule =>
  rule<{ x: TensorInfo }, { axis: number | number[]; keepDims: boolean }>(({ inputs: { x }, attrs, trace }) => {
    const axes = util.parseAxisParam(attrs.axis, x.shape);
    const { keepDims } = attrs;
    const kept = x.shape.flatMap((_, axis) => (axes.includes(axis) ? [] : [axis]));
    // What is left of an image's axes comes in tfjs's order unless it is several and channels are among them.
    const image = trace.isImage(x) && (keepDims || !kept.includes(3) || kept.join() === '0,3' || kept.join() === '3');
    const layout = image ? 'image' : 'plain';
    const open = trace.open(x);
    return trace.emit(
      {
        op,
        inputs: [trace.operand(x, layout), trace.graph.integers(axes.map((axis) => axisIn(layout, axis)))],
        attributes: { keepdims: { int: keepDims ? 1 : 0 } },
      },
      {
        shape: keepDims ? x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size)) : kept.map((a) => x.shape[a]!),
        layout: keepDims ? layout : 'plain',
        open: keepDims ? open.map((is, axis) => is && !axes.includes(axis)) : kept.map((a) => open[a]!),
        dtype: x.dtype,
      },
    );
  });

export const reductionRules: Rules = { Mean: reduction('ReduceMean'), Sum: reduction('ReduceSum') };
