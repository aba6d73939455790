import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { useEngine } from '../../ts/backend/engine.js';
import { makeGenerator, type GeneratorConfig } from '../../ts/models/generator.js';
import { exportOnnx } from '../../ts/onnx/export.js';
import { importGraph } from '../../ts/onnx/import/import.js';
import { decodeModel, encodeModel, type Graph } from '../../ts/onnx/proto.js';
import { runOnnx, weightsOf } from '../helpers/onnx.js';
import { TestGraph } from '../helpers/onnx-graphs.js';
import { randomTensor } from '../helpers/parity.js';

beforeAll(() => useEngine('native'));

/** The largest difference between what a graph gives as calls of tfjs and in onnxruntime. @param shape NHWC */
async function largestDifference(model: Uint8Array, shape: number[]): Promise<number> {
  const [expected] = await runOnnx(model, shape);
  const graph = importGraph(decodeModel(model).graph!);
  const before = tf.memory().numTensors;
  const actual = tf.tidy(() => tf.transpose(graph.run(randomTensor<tf.Rank.R4>(shape, 3)), [0, 3, 1, 2]));
  expect(tf.memory().numTensors, 'tensors left').toBe(before + 1);
  expect(actual.shape).toEqual(expected!.shape);
  const values = actual.dataSync<'float32'>();
  actual.dispose();
  graph.dispose();
  return values.reduce((most, value, i) => Math.max(most, Math.abs(value - expected!.values[i]!)), 0);
}

const small: GeneratorConfig = {
  ...{ generator: 'cyclegan', channels: 3, baseWidth: 8, resBlocks: 2 },
  ...{ blocks: 2, denseBlocks: 2, subBlocks: 3, growth: 8, trunkNorm: 'instance', residualScale: 0.5 },
};

describe.each<[string, GeneratorConfig, number]>([
  ['CycleGAN', small, 0],
  ['CycleGAN, grey, that keeps the light', { ...small, channels: 1, keepLight: true }, 0],
  ['ECycleGAN', { ...small, generator: 'ecyclegan' }, 4],
  ['ECycleGAN without a norm', { ...small, generator: 'ecyclegan', trunkNorm: 'none', blocks: 1, subBlocks: 5 }, 2],
])('%s', (_, config, denseBlocks) => {
  const network = makeGenerator(config);
  const c = config.channels;

  test.each([
    ['', false],
    [', half weights', true],
  ])('gives what onnxruntime gives, at odd sizes too%s', async (__, half) => {
    const model = await exportOnnx(network, weightsOf(network), { channels: c, half });
    const graph = importGraph(decodeModel(model).graph!);
    expect(graph.denseBlocks).toBe(denseBlocks);
    graph.dispose();
    for (const [tolerance, shape] of [
      [2e-5, [1, 48, 48, c]],
      [2e-5, [3, 20, 36, c]],
      // Maps of 2x2 pixels, whose norms enlarge what rounding leaves.
      [1e-4, [2, 8, 8, c]],
    ] as const)
      expect(await largestDifference(model, [...shape])).toBeLessThan(tolerance);
  });
});

/** A graph of one expression, run like an exported file. */
function modelOf(channels: number, write: (graph: TestGraph) => string): Uint8Array {
  const builder = new TestGraph();
  const graph = builder.graph(channels, write(builder));
  return encodeModel({
    ...{ irVersion: 8, producerName: 'test', producerVersion: '1', graph },
    ...{ opsetImport: [{ version: 18 }], metadataProps: [] },
  });
}

const conv = { pads: [1, 1, 1, 1] };

describe('operators as other exporters write them', () => {
  test.each<[string, (g: TestGraph) => string]>([
    [
      'convolutions with every window',
      (g) => {
        const wide = g.node('Conv', ['input', g.weight([4, 3, 3, 2]), g.weight([4])], {
          ...{ pads: [2, 0, 1, 1], strides: [2, 1], kernel_shape: [3, 2] },
        });
        const dilated = g.node('Conv', [wide, g.weight([4, 4, 3, 3])], { dilations: [1, 2] });
        return g.node('Conv', [g.node('Sigmoid', [dilated]), g.weight([3, 4, 1, 1])], { auto_pad: 'VALID' });
      },
    ],
    [
      'a transposed convolution with a bias',
      (g) =>
        g.node('ConvTranspose', ['input', g.weight([3, 5, 4, 3]), g.weight([5])], {
          ...{ strides: [2, 3], pads: [1, 1, 2, 0], output_padding: [1, 2] },
        }),
    ],
    [
      'norms with scale and bias',
      (g) => {
        const instance = ['input', g.weight([3]), g.weight([3])];
        const batch = [g.weight([3]), g.weight([3]), g.weight([3]), g.weight([3], 0.5, 2)];
        const leaky = g.node('LeakyRelu', [g.node('InstanceNormalization', instance)]);
        return g.node('Relu', [g.node('BatchNormalization', [leaky, ...batch], { epsilon: { float: 1e-3 } })]);
      },
    ],
    [
      'pads',
      (g) => {
        const uneven = g.node('Pad', ['input', g.integers(0, 0, 1, 2, 0, 0, 3, 0)], { mode: 'reflect' });
        return g.node('Pad', [uneven, g.integers(0, 0, 1, 0, 0, 0, 0, 2), g.number(0.7)]);
      },
    ],
    [
      'values one by one',
      (g) => {
        const ops = ['Abs', 'Sqrt', 'Exp', 'Neg', 'Reciprocal', 'Tanh', 'Identity'];
        const all = ops.reduce((x, op) => g.node(op, [x]), 'input');
        return g.node('Clip', [all, g.number(-0.7), g.number(0.9)]);
      },
    ],
    [
      'two operands that broadcast',
      (g) => {
        const mean = g.node('ReduceMean', ['input', g.integers(2, -1)], { keepdims: { int: 1 } });
        const shifted = g.node('Sub', [g.weight([3, 1, 1]), g.node('Mul', [mean, 'input'])]);
        const scaled = g.node('Div', [
          shifted,
          g.node('Max', [g.number(0.5), g.node('ReduceSum', [mean, g.integers(1)])]),
        ]);
        return g.node('Min', [scaled, g.node('Concat', ['input', mean].slice(0, 1), { axis: { int: -3 } })]);
      },
    ],
    [
      'an input that is read again after its last activation',
      (g) => {
        const x = g.node('Conv', ['input', g.weight([3, 3, 3, 3])], conv);
        return g.node('Add', [x, g.node('Relu', [x])]);
      },
    ],
  ])('%s', async (_, write) => {
    expect(await largestDifference(modelOf(3, write), [2, 11, 14, 3])).toBeLessThan(2e-5);
  });

  test('constants that are nodes, in their own fields, and cast', async () => {
    const model = decodeModel(modelOf(1, (g) => g.node('Add', [g.node('Mul', ['input', 'two']), 'three'])));
    const graph: Graph = {
      ...model.graph!,
      node: [
        {
          name: 'c',
          opType: 'Constant',
          input: [],
          output: ['two'],
          attribute: [{ name: 'value', type: 4, t: { name: '', dims: [], dataType: 1, floatData: [2] } }],
        },
        { name: 'd', opType: 'Cast', input: ['half'], output: ['three'], attribute: [{ name: 'to', type: 2, i: 1 }] },
        ...model.graph!.node,
      ],
      // 0x4200: 3 in half precision.
      initializer: [{ name: 'half', dims: [1], dataType: 10, int32Data: [0x4200] }],
    };
    expect(await largestDifference(encodeModel({ ...model, graph }), [1, 4, 4, 1])).toBe(0);
  });
});

/** Dense blocks of 8 channels, growth 4, three convolutions. */
function block(
  g: TestGraph,
  {
    slope = 0.2,
    nested = false,
    norm = false,
    leak = false,
    swap = false,
    growth = [4, 4],
  }: { slope?: number; nested?: boolean; norm?: boolean; leak?: boolean; swap?: boolean; growth?: number[] } = {},
): string {
  const [a, b] = growth as [number, number];
  const normed = (x: string, c: number) =>
    norm ? g.node('InstanceNormalization', [x, g.constant([c], 1), g.constant([c], 0)]) : x;
  const x = g.node('Relu', ['input']);
  const act = (y: string, alpha: number) => g.node('LeakyRelu', [y], { alpha: { float: alpha } });
  const concat = (parts: string[]) => g.node('Concat', parts, { axis: { int: 1 } });
  const y1 = act(normed(g.node('Conv', [x, g.weight([a, 8, 3, 3]), g.weight([a])], conv), a), 0.2);
  const c1 = concat([x, y1]);
  const y2 = act(normed(g.node('Conv', [c1, g.weight([b, 8 + a, 3, 3])], conv), b), slope);
  const c2 = nested ? concat([c1, y2]) : concat([x, y1, y2]);
  const y3 = normed(g.node('Conv', [c2, g.weight([8, 8 + a + b, 3, 3]), g.weight([8])], conv), 8);
  const scaled = g.node('Mul', [g.number(0.3), y3]);
  const sum = g.node('Add', swap ? [scaled, x] : [x, scaled]);
  return leak ? g.node('Concat', [sum, y1], { axis: { int: 1 } }) : sum;
}

describe('residual dense blocks', () => {
  test.each<[string, number, Parameters<typeof block>[1]]>([
    ['as this project writes them', 1, {}],
    ['with concats of concats, the sum the other way round', 1, { nested: true, swap: true }],
    ['with norms, which need no biases', 1, { norm: true }],
    ['not where two slopes differ', 0, { slope: 0.1 }],
    ['not where a part is read elsewhere', 0, { leak: true }],
    ['not where they grow unevenly', 0, { growth: [4, 6] }],
  ])('%s', async (_, found, options) => {
    const model = modelOf(8, (g) => block(g, options));
    const graph = importGraph(decodeModel(model).graph!);
    expect(graph.denseBlocks).toBe(found);
    graph.dispose();
    expect(await largestDifference(model, [2, 9, 10, 8])).toBeLessThan(2e-5);
  });
});

describe('what has no call of tfjs here is named', () => {
  test.each<[string, (g: TestGraph) => string, string]>([
    [
      'an operator',
      (g) => g.node('DepthToSpace', ['input']),
      'DepthToSpace (node DepthToSpace_0) is an operator that it does not have',
    ],
    [
      'groups',
      (g) => g.node('Conv', ['input', g.weight([3, 1, 3, 3])], { group: { int: 3 } }),
      'Conv (node Conv_0) has 3 groups',
    ],
    [
      'a filter that is computed',
      (g) => g.node('Conv', ['input', 'input']),
      'Conv (node Conv_0) has no constant as its input 1',
    ],
    ['a padding', (g) => g.node('Conv', ['input', g.weight([3, 3, 3, 3])], { auto_pad: 'SAME_LOWER' }), 'SAME_LOWER'],
    ['a padded batch', (g) => g.node('Pad', ['input', g.integers(1, 0, 0, 0, 0, 0, 0, 0)]), 'pads by 1, 0, 0'],
    [
      'a wrapped padding',
      (g) => g.node('Pad', ['input', g.integers(0, 0, 1, 1, 0, 0, 1, 1)], { mode: 'wrap' }),
      'the mode wrap',
    ],
    [
      'a mean that drops axes',
      (g) => g.node('ReduceMean', ['input', g.integers(2, 3)], { keepdims: { int: 0 } }),
      'axes of an image',
    ],
  ])('%s', (_, write, message) => {
    const before = tf.memory().numTensors;
    expect(() => importGraph(decodeModel(modelOf(3, write)).graph!)).toThrow(message);
    expect(tf.memory().numTensors).toBe(before);
  });

  test('weights in another file, or of an odd type', () => {
    const graph = decodeModel(modelOf(3, (g) => g.node('Conv', ['input', g.weight([3, 3, 3, 3])]))).graph!;
    const changed = (change: object): Graph => ({ ...graph, initializer: [{ ...graph.initializer[0]!, ...change }] });
    expect(() => importGraph(changed({ dataLocation: 1 }))).toThrow('the values of weight_0 are in another file');
    expect(() => importGraph(changed({ dataType: 16 }))).toThrow('weight_0 is a tensor of the type 16');
    expect(() => importGraph(changed({ dims: [3, 3, 3, 2] }))).toThrow('weight_0 holds 81 values, not [3, 3, 3, 2]');
  });
});

test('frees what it holds when a step fails', () => {
  const model = modelOf(3, (g) =>
    g.node('Add', [g.node('Relu', ['input']), g.node('Conv', ['input', g.weight([3, 3, 3, 3])])]),
  );
  const graph = importGraph(decodeModel(model).graph!);
  const x: Tensor4D = randomTensor([1, 6, 6, 3]);
  const before = tf.memory().numTensors;
  expect(() => graph.run(x)).toThrow();
  expect(tf.memory().numTensors).toBe(before);
  tf.dispose(x);
  graph.dispose();
});
