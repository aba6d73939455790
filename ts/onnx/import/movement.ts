import * as tf from '@tensorflow/tfjs-core';
import { reflectPad } from '../../ops/reflect-pad.js';
import type { NodeView } from './node-view.js';
import { stepOf, type Step } from './step.js';

/** ONNX's axis of an image, NHWC. */
const toNhwc = [0, 3, 1, 2] as const;

function axisOf(node: NodeView, axis: number): number {
  const found = toNhwc[axis < 0 ? axis + 4 : axis];
  if (found === undefined) throw node.refusal(`has the axis ${axis}`);
  return found;
}

/** Pad: with a number, or the reflection of what is there. */
export function pad(node: NodeView): Step {
  const pads = node.list('pads', 1);
  if (pads?.length !== 8 || node.inputs[3]) throw node.refusal('is not one of all four axes of an image');
  const [top, left, bottom, right] = [2, 3, 6, 7].map((at) => pads[at]!) as [number, number, number, number];
  if ([0, 1, 4, 5].some((at) => pads[at] !== 0) || Math.min(top, left, bottom, right) < 0)
    throw node.refusal(`pads by ${pads.join(', ')}`);
  const mode = node.text('mode', 'constant');
  const each: [number, number][] = [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ];
  if (mode === 'constant') {
    const value = node.scalar('value', 2, 0);
    return stepOf(node.image, node.output, (x) => tf.pad(x, each, value));
  }
  if (mode !== 'reflect') throw node.refusal(`pads in the mode ${mode}`);
  const even = top === left && top === bottom && top === right;
  return stepOf(node.image, node.output, (x) => (even ? reflectPad(x, top) : tf.mirrorPad(x, each, 'reflect')));
}

/** Concat of images. */
export function concat(node: NodeView): Step {
  const axis = axisOf(node, node.int('axis', 1));
  if (node.inputs.some((_, input) => node.constant(input))) throw node.refusal('takes a constant');
  return { inputs: node.inputs, output: node.output, run: (images) => tf.concat([...images], axis) };
}

/** ReduceMean or ReduceSum that keeps all four axes. */
export const reduction =
  (reduce: typeof tf.mean) =>
  (node: NodeView): Step => {
    const axes = node.list('axes', 1)?.map((axis) => axisOf(node, axis));
    if (!axes || node.int('keepdims', 1) !== 1) throw node.refusal('does not keep the axes of an image');
    return stepOf(node.image, node.output, (x) => reduce(x, axes, true));
  };
