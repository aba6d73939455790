import * as tf from '@tensorflow/tfjs-core';
import type { Rank, Scalar, Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs-core';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { beforeAll, describe, expect, test } from 'vitest';
import { addonPath, loadBinding } from '../../ts/backend/binding.js';
import { useEngine } from '../../ts/backend/engine.js';
import { leaveTensorflowKernels, useTensorflowKernels } from '../../ts/backend/tensorflow/register.js';
import { findPackage } from '../../ts/backend/tfjs-node/packages.js';
import { adamCoefficients, adamUpdate } from '../../ts/ops/adam.js';
import { batchNormTrain } from '../../ts/ops/batch-norm.js';
import { instanceNorm, type InstanceNormOptions } from '../../ts/ops/instance-norm.js';
import { featuresOf, perceptualLoss, type FeatureStack } from '../../ts/ops/perceptual-loss.js';
import { reflectPad } from '../../ts/ops/reflect-pad.js';
import { residualDenseBlock, type DenseBlockOptions } from '../../ts/ops/residual-dense-block.js';
import { expectCloseToScale } from '../helpers/gradients.js';
import { randomTensor, resultsOf, resultsOn } from '../helpers/parity.js';
import { noTfjsNode } from '../helpers/tfjs-node.js';

/** A function's result, and the gradients of a weighted sum of it by all that it takes. */
function bothWays(f: (...xs: Tensor[]) => Tensor, xs: Tensor[]): Tensor[] {
  const y = f(...xs);
  const weights = randomTensor(y.shape, 90);
  return [y, ...tf.grads((...at: Tensor[]) => tf.sum<Scalar>(tf.mul(f(...at), weights)))(xs)];
}

const image = (n: number, h: number, w: number, c: number) =>
  randomTensor<Rank.R4>([n, h, w, c], 1, { low: -2, high: 3 });

/** Of the deviation that keeps a signal's size. */
function filter(h: number, w: number, inputs: number, outputs: number, seed = 2): Tensor4D {
  const bound = Math.sqrt(3 / (h * w * inputs));
  return randomTensor<Rank.R4>([h, w, inputs, outputs], seed, { low: -bound, high: bound });
}

function denseBlock(n: number, biased: boolean, options: DenseBlockOptions): Tensor[] {
  const widths = [4, 4, 19];
  const filters = widths.map((outputs, i) => filter(3, 3, 19 + 4 * i, outputs, 10 + i));
  const biases = biased ? widths.map((outputs, i) => randomTensor([outputs], 20 + i)) : [];
  return bothWays(
    (x, ...weights) =>
      residualDenseBlock(
        x as Tensor4D,
        weights.slice(0, 3) as Tensor4D[],
        biased ? (weights.slice(3) as Tensor1D[]) : undefined,
        options,
      ),
    [image(n, 7, 5, 19), ...filters, ...biases],
  );
}

/** By x, and the gradients of that gradient by x and by what it was multiplied with. */
function normGradients(n: number, options: InstanceNormOptions): Tensor[] {
  const weights = randomTensor([n, 5, 5, 7], 4);
  const first = (x: Tensor, dy: Tensor) =>
    tf.grad((at: Tensor) => tf.sum<Scalar>(tf.mul(instanceNorm(at as Tensor4D, options), dy)))(x);
  const second = tf.grads((x: Tensor, dy: Tensor) => tf.sum<Scalar>(tf.mul(first(x, dy), weights)));
  const [x, dy] = [image(n, 5, 5, 7), randomTensor([n, 5, 5, 7], 3)];
  return [instanceNorm(x, options), first(x, dy), ...second([x, dy])];
}

function perceptual(n: number, target: 'images' | 'features'): Tensor[] {
  const widths = [4, 6, 8];
  const stack: FeatureStack = {
    convs: widths.map((outputs, i) => ({
      filter: filter(3, 3, i === 0 ? 3 : widths[i - 1]!, outputs, 10 + i),
      bias: randomTensor<Rank.R1>([outputs], 20 + i, { low: -0.2, high: 0.2 }),
      pooled: i === 1,
    })),
    taps: [
      { conv: 0, activated: false },
      { conv: 2, activated: true },
    ],
  };
  const wanted = randomTensor<Rank.R4>([n, 7, 9, 3], 30);
  return bothWays(
    (x) =>
      perceptualLoss(
        stack,
        x as Tensor4D,
        target === 'images' ? { images: wanted } : { features: featuresOf(stack, wanted) },
      ),
    [image(n, 7, 9, 3)],
  );
}

function adam(): Tensor[] {
  const shapes = [[3, 3, 5, 7], [7], [], [40_000]];
  let params = shapes.map((shape, i) => randomTensor(shape, i));
  let m: Tensor[] = shapes.map((shape) => tf.zeros(shape));
  let v: Tensor[] = shapes.map((shape) => tf.zeros(shape));
  for (let step = 1; step <= 3; step++) {
    const grads = shapes.map((shape, i) => randomTensor(shape, 10 * step + i));
    const coefficients = adamCoefficients({ beta1: 0.5, beta2: 0.999, epsilon: 1e-8, learningRate: 0.01 / step, step });
    ({ params, m, v } = adamUpdate(params, grads, m, v, coefficients));
  }
  return [...params, ...m, ...v];
}

const conv = (
  n: number,
  [h, w, inputs]: [number, number, number],
  [taps, outputs]: [number, number],
  stride: number,
  pad: 'same' | 'valid' | number,
): Tensor[] =>
  bothWays(
    (x, f) => tf.conv2d(x as Tensor4D, f as Tensor4D, stride, pad),
    [image(n, h, w, inputs), filter(taps, taps, inputs, outputs)],
  );

function fused(n: number, activation: 'relu' | 'prelu' | 'leakyrelu' | 'elu' | 'sigmoid'): Tensor[] {
  return [
    tf.fused.conv2d({
      x: image(n, 9, 7, 17),
      filter: filter(3, 3, 17, 6),
      strides: 1,
      pad: 'same',
      bias: randomTensor<Rank.R1>([6], 3),
      activation,
      leakyreluAlpha: 0.3,
      ...(activation === 'prelu' ? { preluActivationWeights: randomTensor([6], 4, { low: 0, high: 1 }) } : {}),
    }),
  ];
}

/** The project's ops and what is replaced of tfjs-node's, by batch size. */
const computations: Record<string, (n: number) => Tensor[]> = {
  'a residual dense block with biases': (n) => denseBlock(n, true, { norm: 'none', alpha: 0.5 }),
  'a residual dense block with instance norms': (n) => denseBlock(n, false, { norm: 'instance', alpha: 0.5 }),
  'instance norm': (n) => normGradients(n, {}),
  'instance norm and relu': (n) => normGradients(n, { activation: 'relu', eps: 1e-3 }),
  'instance norm and leaky relu': (n) => normGradients(n, { activation: 'leakyRelu' }),
  'a reflection pad': (n) => bothWays((x) => reflectPad(x as Tensor4D, 3), [image(n, 7, 5, 3)]),
  'a perceptual loss by images': (n) => perceptual(n, 'images'),
  'a perceptual loss by features': (n) => perceptual(n, 'features'),
  'batch norm': (n) =>
    bothWays(
      (x, scale, offset) => batchNormTrain(x, scale as Tensor1D, offset as Tensor1D, { activation: 'relu' }),
      [image(n, 7, 5, 9), randomTensor([9], 2, { low: 0.5, high: 2 }), randomTensor([9], 3)],
    ),
  'Adam updates': adam,
  'steps of leaky relu': (n) => [tf.step(tf.sub(image(n, 5, 3, 2), 1), 0.3)],
  'a 3x3 convolution': (n) => conv(n, [9, 7, 17], [3, 33], 1, 1),
  'a 7x7 convolution': (n) => conv(n, [13, 15, 3], [7, 16], 1, 'valid'),
  'a strided convolution': (n) => conv(n, [9, 11, 6], [4, 10], 2, 1),
  'a strided convolution, padded as same': (n) => conv(n, [9, 8, 6], [3, 10], 2, 'same'),
  'a transposed convolution': (n) =>
    bothWays(
      (x, f) => tf.conv2dTranspose(x as Tensor4D, f as Tensor4D, [n, 10, 14, 5], 2, 'same'),
      [image(n, 5, 7, 6), filter(4, 4, 5, 6)],
    ),
  'a depthwise convolution': (n) =>
    bothWays(
      (x, f) => tf.depthwiseConv2d(x as Tensor4D, f as Tensor4D, 1, 'same'),
      [image(n, 7, 5, 6), filter(3, 3, 6, 2)],
    ),
  ...Object.fromEntries(
    (['relu', 'prelu', 'leakyrelu', 'elu', 'sigmoid'] as const).map((activation) => [
      `a convolution with ${activation}`,
      (n: number) => fused(n, activation),
    ]),
  ),
};

describe.skipIf(noTfjsNode)('tfjs-node with our kernels', () => {
  beforeAll(() => useEngine('tfjs-node'));

  const lastCall = () => loadBinding().lastTensorflowCall();

  describe.each(Object.entries(computations))('%s', (_, compute) => {
    test.each([1, 3])('is what tfjs gives, and without them as well, batch %i', async (n) => {
      const expected = await resultsOn('cpu', () => compute(n));
      await useEngine('tfjs-node');
      const before = lastCall().calls;
      expectCloseToScale(
        resultsOf(() => compute(n)),
        expected,
        1e-4,
      );
      const { calls } = lastCall();
      expect(calls).toBeGreaterThan(before);
      leaveTensorflowKernels();
      try {
        expectCloseToScale(
          resultsOf(() => compute(n)),
          expected,
          1e-4,
        );
      } finally {
        useTensorflowKernels();
      }
      expect(lastCall().calls).toBe(calls);
    });
  });

  test('work on the memory of TensorFlow', () => {
    tf.tidy(() => {
      const ran = <Result>(compute: () => Result) => ({ result: compute(), ...lastCall() });
      // What one kernel wrote, the next one reads, and a view that TensorFlow made of it.
      const padded = ran(() => reflectPad(image(1, 7, 5, 3), 1));
      const normed = ran(() => instanceNorm(padded.result));
      expect(normed.inputs).toEqual(padded.outputs);
      const viewed = ran(() => instanceNorm(tf.reshape(padded.result, [1, 7, 9, 3])));
      expect(viewed.inputs).toEqual(padded.outputs);
      // What a kernel of TensorFlow wrote, read twice while other memory is taken.
      const sum = tf.add(image(1, 7, 5, 3), 1);
      const views = [sum, tf.reshape(sum, [1, 5, 7, 3])] as Tensor4D[];
      const [first, second] = views.map((view) => ran(() => reflectPad(view, 2)));
      expect(second!.inputs).toEqual(first!.inputs);
      expect(second!.outputs).not.toEqual(first!.outputs);
    });
  });

  test('free what they made', () => {
    const before = tf.memory().numTensors;
    const data = tf.engine().backend.numDataIds();
    tf.tidy(() => {
      for (const compute of Object.values(computations)) compute(1);
    });
    expect([tf.memory().numTensors, tf.engine().backend.numDataIds()]).toEqual([before, data]);
  });

  test('leave other dtypes to TensorFlow', () => {
    const { calls } = lastCall();
    const inputs = { x: tf.ones([1, 3, 3, 1], 'int32'), filter: tf.ones([3, 3, 1, 1], 'int32') };
    const attrs = { strides: [1, 1], pad: 'valid', dilations: [1, 1], dataFormat: 'NHWC' };
    const y: Tensor = tf.engine().runKernel('Conv2D', inputs, attrs);
    expect([y.dtype, ...y.dataSync()]).toEqual(['int32', 9]);
    expect(lastCall().calls).toBe(calls);
  });

  test('say what went wrong, whole, and free what they took', () => {
    tf.tidy(() => {
      const count = 60;
      const small = Array.from({ length: count }, () => tf.zeros([2]));
      const odd = [...small.slice(1), tf.zeros([3])];
      const coefficients = adamCoefficients({ beta1: 0.5, beta2: 0.9, epsilon: 1e-8, learningRate: 1, step: 1 });
      const before = [tf.memory().numTensors, tf.engine().backend.numDataIds()];
      const inputs = Array.from({ length: 4 * count }, () => 'float32[2]');
      inputs[2 * count - 1] = 'float32[3]';
      const update = () => adamUpdate(small, odd, small, small, coefficients);
      expect(update).toThrow(`Native kernel AdamUpdate(float32[7], ${inputs.join(', ')}) -> (`);
      expect(update).toThrow(/failed: tensor 59 differs in size/);
      expect([tf.memory().numTensors, tf.engine().backend.numDataIds()]).toEqual(before);
      // And go on.
      expect(adamUpdate(small, small, small, small, coefficients).params).toHaveLength(count);
    });
  });

  test('refuse sizes that no tensor has, where TensorFlow would end the process', () => {
    tf.tidy(() => {
      const [x, f] = [tf.zeros<Rank.R4>([1, 2, 2, 1]), tf.zeros<Rank.R4>([1, 1, 1, 64])];
      expect(() => tf.conv2d(x, f, 1, 2 ** 29)).toThrow('float32[1,1073741826,1073741826,64] does not fit');
      expect(() => tf.conv2d(x, f, 1, 2 ** 30)).toThrow('each size must be from 0 to 2147483647');
      expect(() => tf.conv2d(x, tf.zeros<Rank.R4>([5, 5, 1, 1]), 1, 'valid')).toThrow('from 0 to 2147483647');
    });
  });

  test('are registered once in a process, by one copy of the addon', () => {
    const binding = loadBinding();
    const first = binding.registerTensorflowOps('', 2);
    expect(first.version).toMatch(/^2\./);
    expect(binding.registerTensorflowOps('', 1)).toEqual(first);
    const folder = mkdtempSync(join(tmpdir(), 'rareface-'));
    try {
      cpSync(dirname(addonPath()), folder, { recursive: true });
      const copy = createRequire(import.meta.url)(join(folder, 'rareface.node')) as typeof binding;
      expect(() => copy.registerTensorflowOps('', 1)).toThrow('another copy of this addon');
      expect(() => copy.lastTensorflowCall()).toThrow('not registered');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('run on several JavaScript threads at once', async () => {
    const worker = new Worker(new URL('../helpers/tensorflow-worker.cjs', import.meta.url), {
      workerData: { tfjsNode: findPackage('tfjs-node')!.folder, addon: addonPath() },
    });
    const state: { result?: unknown; error?: unknown } = {};
    worker.once('message', (result: unknown) => (state.result = result));
    worker.once('error', (error) => (state.error = error));
    const x = image(1, 33, 31, 5);
    const expected = resultsOf(() => instanceNorm(x));
    while (state.result === undefined && state.error === undefined) {
      expect(resultsOf(() => instanceNorm(x))).toEqual(expected);
      await new Promise(setImmediate);
    }
    expect(state).toEqual({ result: [0, 0, 1, 2] });
    x.dispose();
  });
});
