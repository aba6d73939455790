import type { Tensor1D } from '@tensorflow/tfjs-core';
import { residualDenseBlock } from '../../ops/residual-dense-block.js';
import type { HostTensor } from './constants.js';
import { windowOf } from './convolution.js';
import { slopeOf } from './elementwise.js';
import type { GraphView } from './graph-view.js';
import type { NodeView } from './node-view.js';
import { epsilonOf, isPlain } from './norm.js';
import { stepOf, type Step } from './step.js';
import type { Weights } from './weights.js';

/** One convolution of a dense block, with what follows it. */
interface Layer {
  readonly conv: NodeView;
  readonly norm: NodeView | undefined;
  /** LeakyRelu after all but the last. */
  readonly activation: NodeView | undefined;
}

/** A residual dense block (ts/ops/residual-dense-block.ts) found in a graph. */
export interface DenseBlock {
  /** All its nodes; the last one's output is the block's. */
  readonly nodes: ReadonlySet<NodeView>;
  readonly input: string;
  readonly layers: readonly Layer[];
  readonly alpha: number;
}

/**
 * The dense block that a node ends: an Add of x and alpha times the last of some convolutions, each
 * of which reads the concat of x and all results before its own.
 */
export function denseBlockAt(end: NodeView, graph: GraphView): DenseBlock | undefined {
  if (end.op !== 'Add') return undefined;
  for (const [x, branch] of [end.inputs, end.inputs.toReversed()]) {
    const block = x !== undefined && branch !== undefined && matchBranch(end, x, branch, graph);
    if (block) return block;
  }
  return undefined;
}

function matchBranch(end: NodeView, x: string, branch: string, graph: GraphView): DenseBlock | undefined {
  const nodes = new Set([end]);
  const scaled = scaledBy(graph.makerOf(branch));
  if (scaled) nodes.add(scaled.node);
  const last = layerOf(scaled ? scaled.of : branch, graph, false);
  if (!last) return undefined;
  const [first, ...results] = partsOf(last.conv.image, graph, nodes);
  if (first !== x || results.length === 0) return undefined;
  const layers: Layer[] = [];
  for (const [i, result] of results.entries()) {
    const layer = layerOf(result, graph, true);
    if (!layer) return undefined;
    const before = partsOf(layer.conv.image, graph, nodes);
    if (before.join('\n') !== [x, ...results.slice(0, i)].join('\n')) return undefined;
    layers.push(layer);
  }
  layers.push(last);
  for (const { conv, norm, activation } of layers)
    for (const node of [conv, norm, activation]) if (node) nodes.add(node);
  const block = { nodes, input: x, layers, alpha: scaled?.by ?? 1 };
  return isClosed(block, end, graph) && isUniform(layers) ? block : undefined;
}

/** A node that multiplies by one number. */
function scaledBy(node: NodeView | undefined): { node: NodeView; of: string; by: number } | undefined {
  if (node?.op !== 'Mul') return undefined;
  const at = node.constant(0) ? 0 : 1;
  const factor = node.constant(at);
  return factor?.values.length === 1 ? { node, of: node.inputs[1 - at]!, by: factor.values[0]! } : undefined;
}

/** What a value is the concat of, over channels; the nodes that concatenate it go into `nodes`. */
function partsOf(name: string, graph: GraphView, nodes: Set<NodeView>): string[] {
  const node = graph.makerOf(name);
  if (node?.op !== 'Concat' || (node.int('axis', 1) + 4) % 4 !== 1) return [name];
  nodes.add(node);
  return node.inputs.flatMap((input) => partsOf(input, graph, nodes));
}

/** The convolution, norm and activation that end in `name`. */
function layerOf(name: string, graph: GraphView, activated: boolean): Layer | undefined {
  let node = graph.makerOf(name);
  let activation: NodeView | undefined;
  if (activated) {
    if (node?.op !== 'LeakyRelu') return undefined;
    activation = node;
    node = graph.makerOf(node.image);
  }
  let norm: NodeView | undefined;
  if (node?.op === 'InstanceNormalization' && isPlain(node)) {
    norm = node;
    node = graph.makerOf(node.image);
  }
  return node?.op === 'Conv' && isSmall(node) ? { conv: node, norm, activation } : undefined;
}

/** 3x3, stride 1, pad 1. */
function isSmall(conv: NodeView): boolean {
  const { kernel, strides, dilations, pads } = windowOf(conv);
  const wanted = [
    [3, 3],
    [1, 1],
    [1, 1],
    [1, 1, 1, 1],
  ].join(';');
  return [kernel, strides, dilations, pads].join(';') === wanted;
}

/** Whether nothing within the block is read outside of it. */
function isClosed({ nodes }: DenseBlock, end: NodeView, graph: GraphView): boolean {
  return [...nodes].every(
    (node) =>
      node === end ||
      (node.output !== graph.output && graph.readersOf(node.output).every((reader) => nodes.has(reader))),
  );
}

/** Whether one kernel can run all layers: one growth, one slope, a norm after all or none. */
function isUniform(layers: readonly Layer[]): boolean {
  const same = (values: readonly unknown[]) => new Set(values).size === 1;
  const inner = layers.slice(0, -1);
  return (
    same(layers.map(({ norm }) => norm && epsilonOf(norm))) &&
    same(inner.map(({ activation }) => slopeOf(activation!))) &&
    slopeOf(inner[0]!.activation!) > 0 &&
    same(inner.map(({ conv }) => outputsOf(conv))) &&
    outputsOf(layers.at(-1)!.conv) === inputsOf(layers[0]!.conv)
  );
}

const outputsOf = (conv: NodeView): number => conv.weight(1).dims[0]!;
const inputsOf = (conv: NodeView): number => conv.weight(1).dims[1]!;

/** The block as one call. */
export function denseBlockStep({ input, layers, alpha }: DenseBlock, output: string, weights: Weights): Step {
  const norm = layers[0]!.norm;
  const filters = layers.map(({ conv }) => weights.filter(conv.weight(1)));
  // What a norm follows needs no bias: it is taken away again.
  const biases = norm ? undefined : biasesOf(layers, weights);
  const slope = slopeOf(layers[0]!.activation!);
  const options = norm
    ? ({ norm: 'instance', alpha, slope, eps: epsilonOf(norm) } as const)
    : ({ norm: 'none', alpha, slope } as const);
  return stepOf(input, output, (x) => residualDenseBlock(x, filters, biases, options));
}

/** One bias for each layer, if any has one. */
function biasesOf(layers: readonly Layer[], weights: Weights): Tensor1D[] | undefined {
  const biasOf = ({ conv }: Layer): HostTensor | undefined => (conv.inputs[2] ? conv.weight(2) : undefined);
  if (!layers.some(biasOf)) return undefined;
  return layers.map((layer) => {
    const bias = biasOf(layer) ?? { dims: [], values: new Float32Array(outputsOf(layer.conv)) };
    return weights.vector(bias);
  });
}
