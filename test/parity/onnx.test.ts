import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { useEngine } from '../../ts/backend/engine.js';
import { classifier } from '../../ts/models/classifier.js';
import { plainClassifier } from '../../ts/models/conv-classifier.js';
import { makeDiscriminator } from '../../ts/models/discriminator.js';
import { makeGenerator, type GeneratorConfig } from '../../ts/models/generator.js';
import { initialParams, type Network, type Params } from '../../ts/models/network.js';
import { imagenet, vgg19Features } from '../../ts/models/vgg19.js';
import { exportOnnx } from '../../ts/onnx/export.js';
import { decodeModel } from '../../ts/onnx/proto.js';
import { compareWithOnnx, weightsOf } from '../helpers/onnx.js';

beforeAll(() => useEngine('native'));

const small: GeneratorConfig = {
  ...{ generator: 'cyclegan', channels: 1, baseWidth: 8, resBlocks: 2 },
  ...{ blocks: 2, denseBlocks: 2, subBlocks: 3, growth: 8, trunkNorm: 'instance', residualScale: 0.5 },
};

const nodesOf = (model: Uint8Array) => decodeModel(model).graph!.node.map(({ opType }) => opType);

const generators: [string, GeneratorConfig][] = [
  ['CycleGAN', small],
  ['CycleGAN in colour', { ...small, channels: 3 }],
  ['ECycleGAN', { ...small, generator: 'ecyclegan' }],
  ['ECycleGAN without a norm', { ...small, generator: 'ecyclegan', trunkNorm: 'none' }],
  ['ECycleGAN that keeps the light', { ...small, generator: 'ecyclegan', keepLight: true }],
];

describe.each(generators)('%s', (_, config) => {
  const network = makeGenerator(config);
  const c = config.channels;

  test('gives in onnxruntime what it gives in tfjs, at any size and batch', async () => {
    const shapes = [
      [1, 48, 48, c],
      [3, 48, 48, c],
      [2, 64, 36, c],
    ];
    const { largest, model } = await compareWithOnnx(network, weightsOf(network), shapes);
    expect(largest).toBeLessThan(1e-5);
    expect(nodesOf(model)).not.toContain('Transpose');
  });

  test('with half-precision weights stays near', async () => {
    const weights = weightsOf(network);
    const { largest, model } = await compareWithOnnx(network, weights, [[2, 48, 48, c]], { half: true });
    // A weight is off by up to 2^-11 of itself; instance norm keeps that from growing from layer to layer.
    expect(largest).toBeLessThan(1e-2);
    expect(largest).toBeGreaterThan(1e-6);
    const whole = await exportOnnx(network, weights, { channels: c });
    expect(model.length).toBeLessThan(0.6 * whole.length);
  });
});

test.each([2, 3, 4])('the discriminator of %i layers agrees', async (discriminatorLayers) => {
  const network = makeDiscriminator({ channels: 1, discriminatorWidth: 8, discriminatorLayers });
  const shapes = [
    [1, 48, 48, 1],
    [3, 64, 52, 1],
  ];
  const { largest, model } = await compareWithOnnx(network, weightsOf(network), shapes);
  expect(largest).toBeLessThan(1e-5);
  expect(nodesOf(model)).not.toContain('Transpose');
});

test('the classifier agrees', async () => {
  const network = plainClassifier(classifier({ channels: 1, classes: 7, baseWidth: 8 }));
  const shapes = [
    [1, 48, 48, 1],
    [3, 48, 48, 1],
    [2, 56, 64, 1],
  ];
  expect((await compareWithOnnx(network, weightsOf(network), shapes)).largest).toBeLessThan(1e-5);
});

test.each([
  ['as it is', 1, 1, undefined],
  ['grey to normalised RGB', 1, 3, imagenet],
  ['colour to grey', 3, 1, undefined],
] as const)('VGG19 features agree: %s', async (_, c, channels, normalise) => {
  const layers = ['conv1_1', 'relu3_4', 'relu5_4'];
  const network = vgg19Features({ width: 1 / 16, layers, channels, normalise });
  const { largest, model } = await compareWithOnnx(network, weightsOf(network), [
    [1, 48, 48, c],
    [3, 64, 48, c],
  ]);
  expect(largest).toBeLessThan(1e-5);
  expect(decodeModel(model).graph!.output.map(({ name }) => name)).toEqual(['output_0', 'output_1', 'output_2']);
});

/** A network of one expression; `w` is a parameter of the shape given. */
function expression(
  apply: (x: Tensor4D, w: Tensor) => Tensor | Tensor[],
  shape: number[] = [],
): Network<Tensor | Tensor[]> {
  return {
    name: 'expression',
    params: [{ name: 'w', shape, init: { kind: 'normal', std: 0.5 } }],
    apply: (params: Params, x) => apply(x, params['w']!),
  };
}

const one = (apply: (x: Tensor4D, w: Tensor) => Tensor | Tensor[], shape?: number[]) => expression(apply, shape);
const nhwc = [0, 2, 3, 1];
const nchw = [0, 3, 1, 2];

const expressions: Record<string, Network<Tensor | Tensor[]>> = {
  'unary ops': one((x) => [
    tf.abs(x),
    tf.elu(x),
    tf.exp(x),
    tf.neg(x),
    tf.sigmoid(x),
    tf.tanh(x),
    tf.relu6(tf.mul(x, 9)),
  ]),
  'roots and squares': one((x) => [tf.sqrt(tf.abs(x)), tf.rsqrt(tf.add(tf.square(x), 0.1))]),
  'binary ops with a constant on either side': one(
    (x, w) => [tf.add(x, w), tf.sub(w, x), tf.div(x, 3), tf.maximum(0.1, x)],
    [3],
  ),
  'binary ops of two traced tensors': one((x) => [tf.minimum(x, tf.neg(x)), tf.mul(x, tf.mean(x, [1, 2], true))]),
  'an image and a traced vector': one((x) => tf.add(x, tf.mean(x, [0, 1, 2]))),
  'a constant map of channels': one((x, w) => tf.mul(x, w), [1, 1, 1, 3]),
  'dilated and strided convolutions, same and valid': one(
    (x, w) => [
      tf.conv2d(x, w as Tensor4D, 2, 'same'),
      tf.conv2d(x, w as Tensor4D, 1, 'valid', 'NHWC', 2),
      tf.conv2d(x, w as Tensor4D, [2, 1], [
        [0, 0],
        [2, 1],
        [0, 1],
        [0, 0],
      ] as never),
    ],
    [3, 3, 3, 4],
  ),
  'transposed convolutions, same and padded': one(
    (x, w) => {
      const [n, h, v] = x.shape;
      const f = w as Tensor4D;
      return [
        tf.conv2dTranspose(x, f, [n, 2 * h, 2 * v, 4], 2, 1),
        tf.conv2dTranspose(x, f, [n, 2 * h, 2 * v, 4], 2, 'same'),
        tf.conv2dTranspose(x, f, [n, 2 * h - 1, 2 * v - 1, 4], 2, 1),
        tf.conv2dTranspose(x, f, [n, 2 * h + 1, 2 * v + 1, 4], 2, 'valid'),
        tf.conv2dTranspose(x, f, [n, h, v, 4], 1, 'same'),
      ];
    },
    [3, 3, 4, 3],
  ),
  'a transposed convolution of even filters': one(
    (x, w) => tf.conv2dTranspose(x, w as Tensor4D, [x.shape[0], 2 * x.shape[1], 2 * x.shape[2], 2], 2, 'same'),
    [4, 4, 2, 3],
  ),
  'fused activations': one(
    (x, w) => {
      const fused = (activation: 'relu' | 'leakyrelu' | 'relu6' | 'sigmoid' | 'elu') =>
        tf.fused.conv2d({ x, filter: w as Tensor4D, strides: 1, pad: 1, activation, leakyreluAlpha: 0.3 });
      return (['relu', 'leakyrelu', 'relu6', 'sigmoid', 'elu'] as const).map(fused);
    },
    [3, 3, 3, 4],
  ),
  pooling: one((x) => [
    tf.maxPool(x, 2, 2, 'valid'),
    tf.maxPool(x, 3, 2, 'same'),
    tf.avgPool(x, 3, 1, 'same'),
    tf.avgPool(x, 3, 2, 1),
  ]),
  padding: one((x) => [
    tf.pad(
      x,
      [
        [0, 0],
        [1, 2],
        [0, 3],
        [0, 1],
      ],
      0.5,
    ),
    tf.mirrorPad(
      x,
      [
        [0, 0],
        [2, 1],
        [3, 0],
        [0, 0],
      ],
      'reflect',
    ),
  ]),
  slices: one((x) => [
    tf.slice(x, [0, 1, 2, 0], [-1, -1, -1, 2]),
    tf.slice(x, [0, 0, 0, 1], [-1, -1, -1, 1]),
    tf.slice(x, [0, 2, 2, 0], [x.shape[0], x.shape[1] - 4, x.shape[2] - 3, 3]),
  ]),
  'concats over channels and rows': one((x, w) => [
    tf.concat([x, tf.relu(x), tf.neg(x)], 3),
    tf.concat([x, x], 1),
    tf.concat([tf.mean(x, [1, 2]), tf.mul(tf.sum(x, [1, 2]), w)], 1),
  ]),
  'sums and means over other axes': one((x) => [
    tf.mean(x, 3),
    tf.mean(x, [0, 1, 2]),
    tf.mean(x, [1]),
    tf.mean(x),
    tf.sum(x, 3, true),
  ]),
  'reshapes and transposes': one((x) => [
    tf.reshape(x, [x.shape[0], -1, 3]),
    tf.reshape(tf.mean(x, [1, 2]), [-1, 1, 1, 3]),
    tf.reshape(tf.mean(x, [1, 2], true), [x.shape[0], 3]),
    tf.reshape(x, [-1]),
    tf.transpose(x, nchw),
    tf.transpose(x, [0, 2, 1, 3]),
    tf.transpose(tf.relu(tf.transpose(x, nchw)), nhwc),
  ]),
  'matrix products': one(
    (x, w) => {
      const rows = tf.mean<Tensor2D>(x, [1, 2]);
      const b = w as Tensor2D;
      return [
        tf.matMul(rows, b),
        tf.matMul(b, rows, true, true),
        tf.matMul(tf.reshape(tf.mul(x, 0.01), [x.shape[0], -1, 3]), tf.reshape(x, [x.shape[0], -1, 3]), true),
        tf.fused.matMul({ a: rows, b, bias: tf.tensor1d([1, 2, 3, 4, 5]), activation: 'relu' }),
        tf.softmax(tf.matMul(rows, b)),
      ];
    },
    [3, 5],
  ),
  'softmax over channels': one((x) => tf.softmax(x)),
  'casts and clones': one((x) => [tf.cast(tf.cast(tf.mul(x, 5), 'int32'), 'float32'), tf.clone(x)]),
  'what is computed from parameters alone': one(
    (x, w) => tf.conv2d(x, tf.mul<Tensor4D>(tf.transpose(w, [1, 0, 2, 3]), 2), 1, 1),
    [3, 3, 3, 2],
  ),
  'a bias of one value': one(
    (x, w) => tf.fused.conv2d({ x, filter: tf.ones([1, 1, 3, 2]), strides: 1, pad: 0, bias: w }),
    [1],
  ),
  'outputs that are the same, or the input': one((x) => {
    const y = tf.relu(x);
    return [y, y, x, tf.add(y, 1)];
  }),
  'a parameter that is an output': one((_, w) => w, [2]),
};

test.each(Object.entries(expressions))('%s', async (_, network) => {
  const { largest } = await compareWithOnnx(network, weightsOf(network), [
    [1, 16, 20, 3],
    [3, 24, 16, 3],
  ]);
  expect(largest).toBeLessThan(1e-5);
});

describe('what cannot be exported', () => {
  const failure = (network: Network<Tensor | Tensor[]>) => exportOnnx(network, weightsOf(network), { channels: 3 });

  test('a kernel without a rule is named', async () => {
    await expect(failure(one((x) => tf.cumsum(x, 1)))).rejects.toThrow("no rule for tfjs's kernel 'Cumsum'");
    await expect(failure(one((x) => tf.engine().runKernel('OfMyOwn', { x })))).rejects.toThrow("'OfMyOwn'");
    // The engine that was in use is still in use.
    expect(tf.getBackend()).toBe('native');
    expect(tf.tidy(() => tf.add(tf.scalar(1), 2).dataSync()[0])).toBe(3);
  });

  test('what holds for one size only is found', async () => {
    await expect(failure(one((x) => tf.add(x, tf.ones([1, x.shape[1], 1, 1]))))).rejects.toThrow(
      'expression cannot be exported for every image size: the constant constant_0.nchw changes',
    );
    await expect(failure(one((x) => tf.slice(x, [0, 0, 0, 0], [-1, 4, -1, -1])))).rejects.toThrow('the node Slice_0');
    // Halved twice, 100 is odd, and `same` pads odd sizes otherwise.
    const halved = one((x) => tf.maxPool(tf.maxPool(tf.maxPool(x, 2, 2, 'same'), 2, 2, 'same'), 2, 2, 'same'));
    await expect(failure(halved)).rejects.toThrow('the node MaxPool_2');
  });

  test('a network that reads values, or uses tensors of its own', async () => {
    await expect(failure(one((x) => tf.mul(x, tf.max(x).dataSync()[0]!)))).rejects.toThrow();
    await expect(failure(one((x) => tf.mul(x, x.dataSync()[0]!)))).rejects.toThrow('reads values');
    const mine = tf.tensor1d([1, 2, 3]);
    await expect(failure(one((x) => tf.mul(x, mine)))).rejects.toThrow('neither a parameter nor made by itself');
  });

  test('weights beyond half precision', async () => {
    const network = makeDiscriminator({ channels: 1, discriminatorWidth: 4, discriminatorLayers: 2 });
    const weights = initialParams(network, 1);
    weights['layers.1.filter']!.values[3] = 1e5;
    await expect(exportOnnx(network, weights, { channels: 1, half: true })).rejects.toThrow(
      'layers.1.filter.oihw holds 100000, beyond 65504',
    );
  });

  test('weights of another network', async () => {
    const network = makeGenerator(small);
    const weights = initialParams(makeGenerator({ ...small, baseWidth: 4 }), 1);
    await expect(exportOnnx(network, weights, { channels: 1 })).rejects.toThrow('encoder.0.filter has shape');
  });
});

test('the same weights give the same bytes, with what is said about them', async () => {
  const network = makeGenerator(small);
  const metadata = { size: '48', to: 'Disgust' };
  const [a, b] = await Promise.all(
    [1, 2].map(() => exportOnnx(network, weightsOf(network), { channels: 1, metadata })),
  );
  expect(Buffer.compare(a!, b!)).toBe(0);
  const model = decodeModel(a!);
  expect(model.producerName).toBe('rareface');
  expect(model.opsetImport).toEqual([{ version: 18 }]);
  expect(Object.fromEntries(model.metadataProps.map(({ key, value }) => [key, value]))).toEqual({
    network: network.name,
    channels: '1',
    ...metadata,
  });
  const dims = (info: { type?: { tensorType?: { shape?: { dim: readonly object[] } } } }) =>
    info.type!.tensorType!.shape!.dim;
  const open = [{ dimParam: 'n' }, { dimValue: 1 }, { dimParam: 'h' }, { dimParam: 'w' }];
  expect(dims(model.graph!.input[0]!)).toEqual(open);
  expect(dims(model.graph!.output[0]!)).toEqual(open);
});

test('leaves no tensor behind', async () => {
  const before = tf.memory().numTensors;
  await exportOnnx(makeGenerator(small), weightsOf(makeGenerator(small)), { channels: 1 });
  expect(tf.memory().numTensors).toBe(before);
});
