import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { useEngine } from '../../ts/backend/engine.js';
import { adamCoefficients, adamUpdate } from '../../ts/ops/adam.js';
import { batchNormTrain } from '../../ts/ops/batch-norm.js';
import { instanceNorm } from '../../ts/ops/instance-norm.js';
import { perceptualLoss, type FeatureStack } from '../../ts/ops/perceptual-loss.js';
import { reflectPad } from '../../ts/ops/reflect-pad.js';
import { residualDenseBlock } from '../../ts/ops/residual-dense-block.js';
import { emulated, randomTensor } from '../helpers/parity.js';
import { smallCase, smallECycleGan } from '../helpers/small-training.js';
import { runSteps } from '../helpers/steps.js';

/** What an op gives, and the gradients of a weighted sum of it by all that it takes. */
function forwardAndBackward(op: (...inputs: Tensor[]) => Tensor, inputs: Tensor[]): Tensor[] {
  const y = op(...inputs);
  const weights = randomTensor(y.shape, 99);
  return [y, ...tf.grads((...at: Tensor[]) => tf.sum<tf.Scalar>(tf.mul(op(...at), weights)))(inputs)];
}

const norm = (shape: number[], activation: 'linear' | 'leakyRelu') => () =>
  forwardAndBackward((x) => instanceNorm(x as Tensor4D, { activation }), [randomTensor(shape, 1)]);

function denseBlock(kind: 'none' | 'instance', growth: number): Tensor[] {
  const [channels, convs] = [8, 3];
  const widths = [growth, growth, channels];
  const filters = widths.map((width, i) => randomTensor([3, 3, channels + i * growth, width], i, { high: 0.1 }));
  const biases = kind === 'none' ? widths.map((width, i) => randomTensor([width], 10 + i)) : [];
  return forwardAndBackward(
    (x, ...weights) =>
      residualDenseBlock(
        x as Tensor4D,
        weights.slice(0, convs) as Tensor4D[],
        kind === 'none' ? (weights.slice(convs) as Tensor1D[]) : undefined,
        { norm: kind, alpha: 0.5 },
      ),
    [randomTensor([2, 9, 7, channels], 3), ...filters, ...biases],
  );
}

function features(): Tensor[] {
  const convs = [3, 8, 5].map((outputs, i, all) => ({
    filter: randomTensor<tf.Rank.R4>([3, 3, i === 0 ? 3 : all[i - 1]!, outputs], i),
    bias: randomTensor<tf.Rank.R1>([outputs], 10 + i),
    pooled: i > 0,
  }));
  const taps = [
    { conv: 0, activated: true },
    { conv: 2, activated: false },
  ];
  const stack: FeatureStack = { convs, taps };
  const target = { images: randomTensor<tf.Rank.R4>([1, 17, 14, 3], 5) };
  return forwardAndBackward((x) => perceptualLoss(stack, x as Tensor4D, target), [randomTensor([1, 17, 14, 3], 6)]);
}

function updates(): Tensor[] {
  const list = (seed: number, low: number) => [5, 4097, 33].map((n, i) => randomTensor([n], seed + i, { low }));
  const options = { learningRate: 0.1, beta1: 0.5, beta2: 0.9, epsilon: 1e-8, step: 3 };
  const { params, m, v } = adamUpdate(list(1, -1), list(5, -1), list(9, -1), list(13, 0), adamCoefficients(options));
  return [...params, ...m, ...v];
}

const works: [string, () => Tensor[]][] = [
  ['an instance norm of few pixels', norm([2, 6, 5, 12], 'leakyRelu')],
  ['an instance norm of odd channels', norm([2, 20, 13, 7], 'linear')],
  ['an instance norm of many pixels', norm([1, 70, 69, 4], 'leakyRelu')],
  [
    'a batch norm',
    () =>
      forwardAndBackward(
        (x, scale, offset) =>
          batchNormTrain(x as Tensor4D, scale as Tensor1D, offset as Tensor1D, { activation: 'relu' }),
        [randomTensor([5, 21, 20, 6], 1), randomTensor([6], 2), randomTensor([6], 3)],
      ),
  ],
  ['reflection', () => forwardAndBackward((x) => reflectPad(x as Tensor4D, 3), [randomTensor([2, 5, 9, 4], 1)])],
  ['a dense block', () => denseBlock('none', 4)],
  ['a dense block of odd channels', () => denseBlock('none', 3)],
  ['a dense block with norms', () => denseBlock('instance', 4)],
  ['a perceptual loss', features],
  ['an update', updates],
];

// What resumes a run exactly rests on this: sums have one order, whichever thread comes first.
describe.runIf(emulated)(
  'whatever the order of threads, and of calls that do not wait for each other, the same bits have',
  () => {
    beforeAll(() => useEngine('native'));
    const before = process.env['RAREFACE_EMULATOR_ORDER'];
    const setOrder = (order: string | undefined) => {
      if (order === undefined) delete process.env['RAREFACE_EMULATOR_ORDER'];
      else process.env['RAREFACE_EMULATOR_ORDER'] = order;
    };
    afterAll(() => setOrder(before));

    test.each(works)('%s', (_, work) => {
      const [first, ...others] = ['forward', 'forward', 'reverse', 'shuffled'].map((order) => {
        setOrder(order);
        return tf.tidy(() => work().map((tensor) => Array.from(tensor.dataSync())));
      });
      for (const other of others) expect(other).toEqual(first);
    });

    test('recorded training steps', async () => {
      const steps = smallCase(smallECycleGan, 2, 12);
      setOrder('forward');
      const first = await runSteps('native', steps);
      for (const order of ['reverse', 'shuffled']) {
        setOrder(order);
        expect(await runSteps('native', steps), order).toEqual(first);
      }
    });
  },
);
