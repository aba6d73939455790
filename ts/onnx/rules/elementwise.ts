import { backend_util, type DataType, type TensorInfo } from '@tensorflow/tfjs-core';
import type { AttributeValue } from '../graph.js';
import { onnxTypeOf, type Layout, type TraceBackend } from '../trace-backend.js';
import { rule, type Rule, type Rules } from './rule.js';

/** A node that keeps its input's shape, in whatever layout the input lies. */
export function emitUnary(
  trace: TraceBackend,
  op: string,
  x: TensorInfo,
  attributes: Readonly<Record<string, AttributeValue>> = {},
  more: readonly string[] = [],
  dtype: DataType = x.dtype,
): TensorInfo {
  const layout = trace.isImage(x) ? 'image' : 'plain';
  return trace.emit(
    { op, inputs: [trace.operand(x, layout), ...more], attributes },
    { shape: x.shape, layout, open: trace.open(x), dtype },
  );
}

/** A node of two tensors that broadcast. */
export function emitBinary(trace: TraceBackend, op: string, a: TensorInfo, b: TensorInfo): TensorInfo {
  const layout = commonLayout(trace, [a, b]);
  const shape = backend_util.assertAndGetBroadcastShape(a.shape, b.shape);
  const open = shape.map((_, axis) =>
    [a, b].some((x) => trace.open(x)[axis - (shape.length - x.shape.length)] === true),
  );
  return trace.emit(
    { op, inputs: [trace.operand(a, layout), trace.operand(b, layout)] },
    { shape, layout, open, dtype: a.dtype },
  );
}

/** The layout in which tensors meet: the image's where there is one and all can take it. */
export function commonLayout(trace: TraceBackend, tensors: readonly TensorInfo[]): Layout {
  const fits = (x: TensorInfo) => x.shape.length === 4 || trace.constant(x) !== undefined;
  return tensors.some((x) => trace.isImage(x)) && tensors.every(fits) ? 'image' : 'plain';
}

/** What tfjs's fused kernels do last. */
export interface Fused {
  activation?: backend_util.Activation;
  leakyreluAlpha?: number;
}

/** The activation of a fused kernel. @throws Error for one that has no rule */
export function emitActivation(trace: TraceBackend, x: TensorInfo, { activation, leakyreluAlpha }: Fused): TensorInfo {
  if (!activation || activation === 'linear') return x;
  if (activation === 'leakyrelu') return emitUnary(trace, 'LeakyRelu', x, { alpha: { float: leakyreluAlpha ?? 0.2 } });
  if (activation === 'relu6') return emitRelu6(trace, x);
  const op = { relu: 'Relu', sigmoid: 'Sigmoid', elu: 'Elu' }[activation as string];
  if (!op) throw new Error(`The ONNX export has no rule for the fused activation '${activation}'.`);
  return emitUnary(trace, op, x);
}

const emitRelu6 = (trace: TraceBackend, x: TensorInfo) =>
  emitUnary(trace, 'Clip', x, {}, [trace.graph.floats(0), trace.graph.floats(6)]);

const unary = (op: string): Rule => rule<{ x: TensorInfo }>(({ inputs: { x }, trace }) => emitUnary(trace, op, x));
const binary = (op: string): Rule =>
  rule<{ a: TensorInfo; b: TensorInfo }>(({ inputs: { a, b }, trace }) => emitBinary(trace, op, a, b));

export const elementwiseRules: Rules = {
  Abs: unary('Abs'),
  Elu: unary('Elu'),
  Exp: unary('Exp'),
  Neg: unary('Neg'),
  Relu: unary('Relu'),
  Sigmoid: unary('Sigmoid'),
  Sqrt: unary('Sqrt'),
  Tanh: unary('Tanh'),

  Add: binary('Add'),
  Sub: binary('Sub'),
  Multiply: binary('Mul'),
  RealDiv: binary('Div'),
  Maximum: binary('Max'),
  Minimum: binary('Min'),

  LeakyRelu: rule<{ x: TensorInfo }, { alpha: number }>(({ inputs: { x }, attrs, trace }) =>
    emitUnary(trace, 'LeakyRelu', x, { alpha: { float: attrs.alpha } }),
  ),
  Relu6: rule<{ x: TensorInfo }>(({ inputs: { x }, trace }) => emitRelu6(trace, x)),
  Square: rule<{ x: TensorInfo }>(({ inputs: { x }, trace }) => emitBinary(trace, 'Mul', x, x)),
  Rsqrt: rule<{ x: TensorInfo }>(({ inputs: { x }, trace }) =>
    emitUnary(trace, 'Reciprocal', emitUnary(trace, 'Sqrt', x)),
  ),
  Cast: rule<{ x: TensorInfo }, { dtype: DataType }>(({ inputs: { x }, attrs: { dtype }, trace }) =>
    x.dtype === dtype ? trace.alias(x) : emitUnary(trace, 'Cast', x, { to: { int: onnxTypeOf(dtype) } }, [], dtype),
  ),
  Softmax: rule<{ logits: TensorInfo }, { dim: number }>(({ inputs: { logits }, attrs: { dim }, trace }) => {
    const last = dim < 0 ? dim + logits.shape.length : dim;
    // tfjs's softmax runs over the last axis: the channels of an image.
    return emitUnary(trace, 'Softmax', logits, { axis: { int: trace.isImage(logits) ? 1 : last } });
  }),
};
