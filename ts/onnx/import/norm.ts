import * as tf from '@tensorflow/tfjs-core';
import { instanceNorm } from '../../ops/instance-norm.js';
import type { Activation } from './activation.js';
import type { NodeView } from './node-view.js';
import { stepOf, type Step } from './step.js';
import type { Weights } from './weights.js';

/** Whether an InstanceNormalization does nothing more than to normalise: scale 1, bias 0. */
export function isPlain(node: NodeView): boolean {
  return node.weight(1).values.every((scale) => scale === 1) && node.weight(2).values.every((bias) => bias === 0);
}

export const epsilonOf = (node: NodeView): number => node.float('epsilon', 1e-5);

/** InstanceNormalization, with the activation that follows it. */
export function instanceNormalization(
  node: NodeView,
  weights: Weights,
  { activation, slope, output }: Activation,
): Step {
  const eps = epsilonOf(node);
  if (isPlain(node)) return stepOf(node.image, output, (x) => instanceNorm(x, { activation, slope, eps }));
  const scale = weights.vector(node.weight(1));
  const bias = weights.vector(node.weight(2));
  return stepOf(node.image, output, (x) => {
    const y: tf.Tensor4D = tf.add(tf.mul(instanceNorm(x, { eps }), scale), bias);
    if (activation === 'relu') return tf.relu(y);
    return activation === 'leakyRelu' ? tf.leakyRelu(y, slope) : y;
  });
}

/** BatchNormalization with the statistics in the file. */
export function batchNormalization(node: NodeView, weights: Weights): Step {
  const [scale, offset, mean, variance] = [1, 2, 3, 4].map((input) => weights.vector(node.weight(input)));
  const eps = epsilonOf(node);
  return stepOf(node.image, node.output, (x) => tf.batchNorm(x, mean!, variance!, offset, scale, eps));
}
