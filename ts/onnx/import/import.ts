import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import type { Graph } from '../proto.js';
import type { Activation } from './activation.js';
import { convolution, transposedConvolution } from './convolution.js';
import { denseBlockAt, denseBlockStep, type DenseBlock } from './dense-block.js';
import { elementwise, slopeOf } from './elementwise.js';
import { GraphView } from './graph-view.js';
import { concat, pad, reduction } from './movement.js';
import type { NodeView } from './node-view.js';
import { batchNormalization, instanceNormalization } from './norm.js';
import type { Step } from './step.js';
import { Weights } from './weights.js';

/** An operator of one node. */
type Op = (node: NodeView, weights: Weights) => Step;

/** An operator that runs the activation after it too. */
type ActivatedOp = (node: NodeView, weights: Weights, activation: Activation) => Step;

const activatedOps: Readonly<Record<string, ActivatedOp>> = {
  Conv: convolution,
  InstanceNormalization: instanceNormalization,
};

const ops: Readonly<Record<string, Op>> = {
  ...elementwise,
  BatchNormalization: batchNormalization,
  Concat: concat,
  ConvTranspose: transposedConvolution,
  Pad: pad,
  ReduceMean: reduction(tf.mean),
  ReduceSum: reduction(tf.sum),
};

/** An ONNX graph of images as calls of tfjs on the engine that was current when it was read. */
export interface ImportedGraph {
  /** Images NHWC in and out. The caller disposes the result. */
  run(images: Tensor4D): Tensor4D;
  /** How many of its dense blocks run as one call each. */
  readonly denseBlocks: number;
  dispose(): void;
}

/**
 * Reads a graph that turns images [n, c, h, w] into images. Weights are laid out and uploaded once;
 * activations run with the convolution or the norm before them, and residual dense blocks as one call.
 * @throws UserError naming the node that has no call of tfjs here
 */
export function importGraph(graph: Graph): ImportedGraph {
  const view = new GraphView(graph);
  const weights = new Weights();
  try {
    const { steps, denseBlocks } = planOf(view, weights);
    const lastReader = new Map(steps.flatMap(({ inputs }, i) => inputs.map((name) => [name, i] as const)));
    return {
      denseBlocks,
      run: (images) => runSteps(steps, lastReader, view, images),
      dispose: () => weights.dispose(),
    };
  } catch (error) {
    weights.dispose();
    throw error;
  }
}

function planOf(view: GraphView, weights: Weights): { steps: Step[]; denseBlocks: number } {
  const steps: Step[] = [];
  const blocks = new Map<NodeView, DenseBlock>();
  for (const node of view.nodes) {
    const block = denseBlockAt(node, view);
    if (block) blocks.set(node, block);
  }
  const done = new Set([...blocks.values()].flatMap(({ nodes }) => [...nodes]));
  for (const node of view.nodes) {
    const block = blocks.get(node);
    if (block) steps.push(denseBlockStep(block, node.output, weights));
    else if (!done.has(node)) steps.push(stepOfNode(node, view, weights, done));
  }
  return { steps, denseBlocks: blocks.size };
}

/** The step of a node; the activation after it, if it can take that over, goes into `done`. */
function stepOfNode(node: NodeView, view: GraphView, weights: Weights, done: Set<NodeView>): Step {
  if (Object.hasOwn(activatedOps, node.op)) {
    const next = view.readerOf(node.output);
    const activation = activationOf(next);
    if (activation) done.add(next!);
    return activatedOps[node.op]!(node, weights, activation ?? { activation: 'linear', slope: 0, output: node.output });
  }
  if (!Object.hasOwn(ops, node.op)) throw node.refusal('is an operator that it does not have');
  return ops[node.op]!(node, weights);
}

function activationOf(node: NodeView | undefined): Activation | undefined {
  if (node?.op === 'Relu') return { activation: 'relu', slope: 0, output: node.output };
  if (node?.op === 'LeakyRelu') return { activation: 'leakyRelu', slope: slopeOf(node), output: node.output };
  return undefined;
}

/** Runs the steps, and frees every image after the last step that reads it. */
function runSteps(
  steps: readonly Step[],
  lastReader: ReadonlyMap<string, number>,
  { input, output }: GraphView,
  images: Tensor4D,
): Tensor4D {
  const made = new Map([[input, tf.clone(images)]]);
  try {
    for (const [i, step] of steps.entries()) {
      const read = step.inputs.map((name) => made.get(name)!);
      made.set(
        step.output,
        tf.tidy(() => step.run(read)),
      );
      for (const name of new Set(step.inputs)) {
        if (lastReader.get(name) !== i || name === output) continue;
        made.get(name)!.dispose();
        made.delete(name);
      }
    }
    const result = made.get(output)!;
    made.delete(output);
    return result;
  } finally {
    // Unread results; everything, where a step failed.
    tf.dispose([...made.values()]);
  }
}
