import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import type { Activation } from './activation.js';
import type { NodeView } from './node-view.js';
import { stepOf, type Step } from './step.js';
import type { Weights } from './weights.js';

type Pair = [number, number];

/** The window of a convolution of either kind. @throws UserError for one that has no call of tfjs */
export function windowOf(node: NodeView): { kernel: Pair; strides: Pair; dilations: Pair; pads: number[] } {
  const { dims } = node.weight(1);
  if (dims.length !== 4) throw node.refusal(`is no convolution of images: its filter is [${dims.join(', ')}]`);
  const groups = node.int('group', 1);
  if (groups !== 1) throw node.refusal(`has ${groups} groups`);
  const autoPad = node.text('auto_pad', 'NOTSET');
  if (autoPad !== 'NOTSET' && autoPad !== 'VALID') throw node.refusal(`has the padding ${autoPad}`);
  return {
    kernel: [dims[2]!, dims[3]!],
    strides: (node.ints('strides') as Pair | undefined) ?? [1, 1],
    dilations: (node.ints('dilations') as Pair | undefined) ?? [1, 1],
    pads: autoPad === 'VALID' ? [0, 0, 0, 0] : [...(node.ints('pads') ?? [0, 0, 0, 0])],
  };
}

/** ONNX's [top, left, bottom, right] as tfjs's. */
const explicit = ([top, left, bottom, right]: readonly number[]): tf.backend_util.ExplicitPadding => [
  [0, 0],
  [top!, bottom!],
  [left!, right!],
  [0, 0],
];

/** Conv, with the activation that follows it. */
export function convolution(node: NodeView, weights: Weights, { activation, slope, output }: Activation): Step {
  const { strides, dilations, pads } = windowOf(node);
  if (Math.max(...strides) > 1 && Math.max(...dilations) > 1) throw node.refusal('has both strides and dilations');
  const filter = weights.filter(node.weight(1));
  const bias = node.inputs[2] ? weights.vector(node.weight(2)) : undefined;
  const pad = explicit(pads);
  const fused = ({ linear: 'linear', relu: 'relu', leakyRelu: 'leakyrelu' } as const)[activation];
  return stepOf(node.image, output, (x) =>
    tf.fused.conv2d({ x, filter, bias, strides, dilations, pad, activation: fused, leakyreluAlpha: slope }),
  );
}

/** ConvTranspose. */
export function transposedConvolution(node: NodeView, weights: Weights): Step {
  const { kernel, strides, dilations, pads } = windowOf(node);
  if (dilations.some((dilation) => dilation !== 1)) throw node.refusal(`has the dilations ${dilations.join(', ')}`);
  if (node.ints('output_shape')) throw node.refusal('has a fixed output_shape');
  const extra = node.ints('output_padding') ?? [0, 0];
  const filter = weights.filter(node.weight(1));
  const bias = node.inputs[2] ? weights.vector(node.weight(2)) : undefined;
  const pad = explicit(pads);
  const side = (input: number, axis: 0 | 1) =>
    strides[axis] * (input - 1) + kernel[axis] - pads[axis]! - pads[axis + 2]! + extra[axis]!;
  return stepOf(node.image, node.output, (x) => {
    const [n, h, w] = x.shape;
    const shape: Tensor4D['shape'] = [n, side(h, 0), side(w, 1), filter.shape[2]];
    const y: Tensor4D = tf.conv2dTranspose(x, filter, shape, strides, pad);
    return bias ? tf.add(y, bias) : y;
  });
}
