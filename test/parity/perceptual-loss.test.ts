import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { useEngine } from '../../ts/backend/engine.js';
import { initialParams } from '../../ts/models/network.js';
import { uploadParams } from '../../ts/models/host-params.js';
import { featureStack, imagenet, vgg19Features, type Vgg19Config } from '../../ts/models/vgg19.js';
import {
  featuresOf,
  perceptualLoss,
  perceptualLossReference,
  type FeatureStack,
  type PerceptualTarget,
} from '../../ts/ops/perceptual-loss.js';
import { expectGradients } from '../helpers/finite-differences.js';
import { expectCloseToScale } from '../helpers/gradients.js';
import { expectNoLeak } from '../helpers/leaks.js';
import { randomTensor, resultsOn } from '../helpers/parity.js';

type Loss = typeof perceptualLoss;
type Shape = [number, number, number, number];

interface Case {
  name: string;
  shape: Shape;
  /** Outputs of each convolution; negative: pooled before. */
  convs: number[];
  taps: FeatureStack['taps'];
}

const before = (conv: number) => ({ conv, activated: false });
const after = (conv: number) => ({ conv, activated: true });

const cases: Case[] = [
  { name: 'one convolution', shape: [1, 3, 4, 1], convs: [2], taps: [after(0)] },
  { name: 'one convolution before its relu', shape: [2, 3, 3, 3], convs: [5], taps: [before(0)] },
  { name: 'odd sides through two poolings', shape: [2, 7, 11, 3], convs: [4, -6, 6, -8], taps: [after(3)] },
  {
    name: 'taps all along',
    shape: [3, 9, 6, 3],
    convs: [17, -16, 8],
    taps: [after(0), before(1), after(1), before(2)],
  },
  { name: 'convolutions behind the last tap', shape: [1, 8, 8, 1], convs: [8, -8, 4], taps: [before(1), after(0)] },
  { name: 'a tap twice', shape: [1, 4, 4, 2], convs: [3, 3], taps: [after(1), after(1), before(0)] },
];

function stackOf({ shape, convs, taps }: Case): FeatureStack {
  let inputs: number = shape[3];
  return {
    convs: convs.map((width, i) => {
      const outputs = Math.abs(width);
      const bound = Math.sqrt(6 / (9 * inputs));
      const filter = randomTensor<tf.Rank.R4>([3, 3, inputs, outputs], 10 + i, { low: -bound, high: bound });
      inputs = outputs;
      return { filter, bias: randomTensor<tf.Rank.R1>([outputs], 20 + i, { low: -0.2, high: 0.2 }), pooled: width < 0 };
    }),
    taps,
  };
}

type Target = 'images' | 'features';

const targetOf = (stack: FeatureStack, kind: Target, images: Tensor4D): PerceptualTarget =>
  kind === 'images' ? { images } : { features: featuresOf(stack, images) };

function lossAndGradient(
  loss: Loss,
  which: Case,
  kind: Target,
  x = randomTensor<tf.Rank.R4>(which.shape, 1),
): Tensor[] {
  const stack = stackOf(which);
  const target = targetOf(stack, kind, randomTensor<tf.Rank.R4>(which.shape, 2));
  const { value, grad } = tf.valueAndGrad((at: Tensor) => tf.mul(3, loss(stack, at as Tensor4D, target)))(x);
  return [value, grad];
}

/** Products in another order; the loss is a mean over thousands, which tfjs forms in float. */
const tolerance = 1e-4;

describe.each(['images', 'features'] as const)('perceptualLoss with a target of %s', (kind) => {
  test.each(cases)('is what tfjs ops give: $name', async (which) => {
    const expected = await resultsOn('cpu', () => lossAndGradient(perceptualLossReference, which, kind));
    const actual = await resultsOn('native', () => lossAndGradient(perceptualLoss, which, kind));
    expectCloseToScale(actual, expected, tolerance, ['loss', 'dx']);
  });

  test('sends the gradient of equal maxima where tfjs sends it', async () => {
    const which: Case = { name: '', shape: [1, 8, 8, 2], convs: [4, -4, -4], taps: [after(2)] };
    // Flat patches: within them all results are equal.
    const flat = () => tf.image.resizeNearestNeighbor(randomTensor<tf.Rank.R4>([1, 2, 2, 2], 5), [8, 8]);
    const expected = await resultsOn('cpu', () => lossAndGradient(perceptualLossReference, which, kind, flat()));
    const actual = await resultsOn('native', () => lossAndGradient(perceptualLoss, which, kind, flat()));
    expectCloseToScale(actual, expected, tolerance, ['loss', 'dx']);
  });

  test('frees what it made', async () => {
    await useEngine('native');
    expectNoLeak(() => void lossAndGradient(perceptualLoss, cases[3]!, kind));
  });
});

test.each(['cpu', 'native'] as const)('the gradient on %s is what differences give', async (engine) => {
  await useEngine(engine);
  const which: Case = { name: '', shape: [1, 5, 4, 2], convs: [4, 3, -3], taps: [before(0), after(2)] };
  tf.tidy(() => {
    const stack = stackOf(which);
    const target = targetOf(stack, 'images', randomTensor<tf.Rank.R4>(which.shape, 2));
    // Kinks of relu, pooling and |d| that a step crosses show.
    expectGradients((x) => perceptualLoss(stack, x as Tensor4D, target), [randomTensor(which.shape, 3)], {
      tolerance: 0.03,
    });
  });
});

describe('perceptualLoss', () => {
  beforeAll(() => useEngine('native'));

  test('is 0 with gradient 0 where the images are equal', () => {
    tf.tidy(() => {
      const stack = stackOf(cases[3]!);
      for (const loss of [perceptualLoss, perceptualLossReference]) {
        const x = randomTensor<tf.Rank.R4>(cases[3]!.shape, 4);
        const { value, grad } = tf.valueAndGrad((at: Tensor) => loss(stack, at as Tensor4D, { images: x }))(x);
        expect(value.dataSync()[0]).toBe(0);
        expect(grad.dataSync().every((d) => d === 0)).toBe(true);
      }
    });
  });

  test('leaves the weights alone, also as variables', () => {
    tf.tidy(() => {
      const stack = stackOf(cases[0]!);
      const filter = tf.variable(stack.convs[0]!.filter);
      const x = tf.variable(randomTensor<tf.Rank.R4>(cases[0]!.shape, 1));
      const variable = { convs: [{ ...stack.convs[0]!, filter: filter as unknown as Tensor4D }], taps: stack.taps };
      const { grads } = tf.variableGrads(() => perceptualLoss(variable, x, { images: tf.zeros(cases[0]!.shape) }), [x]);
      expect(Object.keys(grads)).toEqual([x.name]);
      tf.dispose([filter, x]);
    });
  });

  test('passes NaN on', () => {
    tf.tidy(() => {
      for (const kind of ['images', 'features'] as const) {
        const which = cases[2]!;
        const x = tf.sqrt(randomTensor<tf.Rank.R4>(which.shape, 1, { low: -0.1 }));
        const [loss, dx] = lossAndGradient(perceptualLoss, which, kind, x);
        expect(loss!.dataSync()[0]).toBeNaN();
        expect(Array.from(dx!.dataSync()).some(Number.isNaN)).toBe(true);
      }
    });
  });

  test('says what is too small, and what does not fit', () => {
    tf.tidy(() => {
      const stack = stackOf(cases[2]!);
      const small = tf.zeros<tf.Rank.R4>([1, 3, 3, 3]);
      expect(() => perceptualLoss(stack, small, { images: small })).toThrow(/too small for so many poolings/);
      const grey = tf.zeros<tf.Rank.R4>([1, 8, 8, 1]);
      expect(() => perceptualLoss(stack, grey, { images: grey })).toThrow(/filter 0 must be \[3,3,1,outputs\]/);
    });
  });
});

describe('featureStack', () => {
  beforeAll(() => useEngine('native'));

  test.each([
    { width: 1 / 16, layers: ['relu2_2', 'conv3_1'], channels: 3, normalise: imagenet },
    { width: 1 / 16, layers: ['conv1_2'], channels: 1 },
    { width: 1 / 16, layers: ['relu5_4'], channels: 3 },
  ] as Vgg19Config[])('is the network of vgg19Features: %j', (config) => {
    tf.tidy(() => {
      const network = vgg19Features(config);
      const params = uploadParams(initialParams(network, 3));
      const { stack, prepare } = featureStack(config, params);
      const x = randomTensor<tf.Rank.R4>([2, 20, 17, 1], 6);
      const found = featuresOf(stack, prepare(x));
      const wanted = network.apply(params, x);
      expect(found).toHaveLength(config.layers.length);
      found.forEach((features, i) => expect(features.dataSync()).toEqual(wanted[i]!.dataSync()));
    });
  });
});
