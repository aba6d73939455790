import { broadcast_util, type TensorInfo } from '@tensorflow/tfjs-core';
import type { TraceBackend } from '../trace-backend.js';
import { emitActivation, emitBinary, type Fused } from './elementwise.js';
import { rule, type Rules } from './rule.js';

interface MatMulAttrs extends Fused {
  transposeA?: boolean;
  transposeB?: boolean;
}

/** The tensor with its last two axes exchanged, if asked. */
function operand(trace: TraceBackend, x: TensorInfo, exchanged: boolean | undefined) {
  const name = trace.operand(x, 'plain');
  const open = trace.open(x);
  if (!exchanged) return { name, shape: x.shape, open };
  const rank = x.shape.length;
  const perm = [...x.shape.keys()].slice(0, -2).concat(rank - 1, rank - 2);
  return {
    name: trace.graph.node('Transpose', [name], { perm }),
    shape: perm.map((axis) => x.shape[axis]!),
    open: perm.map((axis) => open[axis]!),
  };
}

function emitMatMul(trace: TraceBackend, a: TensorInfo, b: TensorInfo, attrs: MatMulAttrs): TensorInfo {
  const left = operand(trace, a, attrs.transposeA);
  const right = operand(trace, b, attrs.transposeB);
  const batch = broadcast_util.assertAndGetBroadcastShape(left.shape.slice(0, -2), right.shape.slice(0, -2));
  const batchOpen = batch.map((_, axis) =>
    [left, right].some(({ open }) => open[axis - (batch.length - (open.length - 2))] === true),
  );
  return trace.emit(
    { op: 'MatMul', inputs: [left.name, right.name] },
    {
      shape: [...batch, left.shape.at(-2)!, right.shape.at(-1)!],
      layout: 'plain',
      open: [...batchOpen, left.open.at(-2)!, right.open.at(-1)!],
    },
  );
}

export const matmulRules: Rules = {
  BatchMatMul: rule<{ a: TensorInfo; b: TensorInfo }, MatMulAttrs>(({ inputs: { a, b }, attrs, trace }) =>
    emitMatMul(trace, a, b, attrs),
  ),
  _FusedMatMul: rule<{ a: TensorInfo; b: TensorInfo; bias?: TensorInfo }, MatMulAttrs>(
    ({ inputs: { a, b, bias }, attrs, trace }) => {
      const y = emitMatMul(trace, a, b, attrs);
      return emitActivation(trace, bias ? emitBinary(trace, 'Add', y, bias) : y, attrs);
    },
  ),
};
