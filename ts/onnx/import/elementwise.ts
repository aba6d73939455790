import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import type { NodeView } from './node-view.js';
import { stepOf, type Step } from './step.js';
import type { Weights } from './weights.js';

type Op = (node: NodeView, weights: Weights) => Step;

const unary =
  (run: (x: Tensor4D) => Tensor4D): Op =>
  (node) =>
    stepOf(node.image, node.output, run);

const binary =
  (run: (a: Tensor4D, b: Tensor4D) => Tensor4D): Op =>
  (node, weights) => {
    if (node.inputs.length !== 2) throw node.refusal(`has ${node.inputs.length} inputs`);
    const [a, b] = [0, 1].map((input) => node.constant(input));
    const [left, right] = node.inputs as [string, string];
    if (a) {
      const first = weights.operand(a);
      return stepOf(right, node.output, (x) => run(first, x));
    }
    if (b) {
      const second = weights.operand(b);
      return stepOf(left, node.output, (x) => run(x, second));
    }
    return { inputs: [left, right], output: node.output, run: ([x, y]) => run(x!, y!) };
  };

/** Of a LeakyRelu. */
export const slopeOf = (node: NodeView): number => node.float('alpha', 0.01);

const clip: Op = (node) => {
  const low = node.scalar('min', 1, -Infinity);
  const high = node.scalar('max', 2, Infinity);
  return stepOf(node.image, node.output, (x) => tf.clipByValue(x, low, high));
};

/** Operators value by value, or of two images that broadcast. */
export const elementwise: Readonly<Record<string, Op>> = {
  Abs: unary((x) => tf.abs(x)),
  Exp: unary((x) => tf.exp(x)),
  Identity: unary((x) => tf.clone(x)),
  Neg: unary((x) => tf.neg(x)),
  Reciprocal: unary((x) => tf.reciprocal(x)),
  Relu: unary((x) => tf.relu(x)),
  Sigmoid: unary((x) => tf.sigmoid(x)),
  Sqrt: unary((x) => tf.sqrt(x)),
  Tanh: unary((x) => tf.tanh(x)),

  Add: binary((a, b) => tf.add(a, b)),
  Sub: binary((a, b) => tf.sub(a, b)),
  Mul: binary((a, b) => tf.mul(a, b)),
  Div: binary((a, b) => tf.div(a, b)),
  Max: binary((a, b) => tf.maximum(a, b)),
  Min: binary((a, b) => tf.minimum(a, b)),

  Clip: clip,
  LeakyRelu: (node) => {
    const slope = slopeOf(node);
    return stepOf(node.image, node.output, (x) => tf.leakyRelu(x, slope));
  },
};
