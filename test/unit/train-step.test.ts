import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { useEngine } from '../../ts/backend/engine.js';
import { makeDiscriminator } from '../../ts/models/discriminator.js';
import { makeGenerator } from '../../ts/models/generator.js';
import { uploadParams } from '../../ts/models/host-params.js';
import { initialParams, type Params } from '../../ts/models/network.js';
import { featureStack, vgg19Features } from '../../ts/models/vgg19.js';
import { adamCoefficients } from '../../ts/ops/adam.js';
import { featuresOf } from '../../ts/ops/perceptual-loss.js';
import { lossNames, type LossName } from '../../ts/train/losses.js';
import {
  networkNames,
  trainStep,
  type DiscriminatorInputs,
  type DiscriminatorName,
  type NetworkName,
  type Networks,
  type StepConfig,
  type StepFeatures,
  type StepInputs,
  type StepResult,
  type StepState,
} from '../../ts/train/step.js';
import { randomTensor } from '../helpers/parity.js';
import { tinyConfig } from '../helpers/tiny-run.js';

beforeAll(() => useEngine('native'));

const { size } = tinyConfig;
const generator = makeGenerator(tinyConfig);
const discriminator = makeDiscriminator(tinyConfig);
const networks: Networks = {
  generatorAB: generator,
  generatorBA: generator,
  discriminatorA: discriminator,
  discriminatorB: discriminator,
};
const lsgan: StepConfig = { ...tinyConfig, perceptualAlpha: 0, perceptualBeta: 1 };
const adam = () => adamCoefficients({ learningRate: 1e-3, beta1: 0.5, beta2: 0.999, epsilon: 1e-8, step: 1 });

const images = (seed: number, n: number): Tensor4D => randomTensor<tf.Rank.R4>([n, size, size, 1], seed);

function startingState(): StepState {
  return Object.fromEntries(
    networkNames.map((name, i) => {
      const weights = Object.values(uploadParams(initialParams(networks[name], 5, i)));
      // Far from the start, where the discriminators' answers are all but 0.
      const grown = weights.map((weight) => tf.mul(weight, 8));
      return [name, { weights: grown, m: grown.map((w) => tf.zerosLike(w)), v: grown.map((w) => tf.zerosLike(w)) }];
    }),
  ) as StepState;
}

function stepInputs(
  n: number,
  change: Partial<Record<DiscriminatorName, Partial<DiscriminatorInputs>>> = {},
): StepInputs {
  const judged = (name: DiscriminatorName, seed: number): DiscriminatorInputs => ({
    stored: images(seed, n),
    sources: tf.range(0, n, 1, 'int32'),
    realLabels: tf.ones([n, 1, 1, 1]),
    update: adam(),
    ...change[name],
  });
  return {
    realA: images(1, n),
    realB: images(2, n),
    update: adam(),
    discriminatorA: judged('discriminatorA', 3),
    discriminatorB: judged('discriminatorB', 4),
  };
}

/** Numbers of a result: losses by name, and every weight and moment of each network. */
type Outcome = {
  losses: Record<LossName, number>;
  networks: Record<NetworkName, number[]>;
  fakes: number[];
};

function outcomeOf({ state, losses, fakeA, fakeB }: StepResult): Outcome {
  const read = (tensors: Tensor[]) => tensors.flatMap((tensor) => Array.from(tensor.dataSync()));
  const values = losses.dataSync();
  return {
    losses: Object.fromEntries(lossNames.map((name, i) => [name, values[i]!])) as Record<LossName, number>,
    networks: Object.fromEntries(
      networkNames.map((name) => [name, read([...state[name].weights, ...state[name].m, ...state[name].v])]),
    ) as Record<NetworkName, number[]>,
    fakes: read([fakeA, fakeB]),
  };
}

function outcome(config: StepConfig, inputs: () => StepInputs, features?: StepFeatures): Outcome {
  let read: Outcome;
  tf.tidy(() => {
    read = outcomeOf(trainStep(networks, config, features, startingState(), inputs()));
  });
  return read!;
}

/** Names of what differs between two outcomes. */
function differences(one: Outcome, other: Outcome): string[] {
  const differing = <Value>(a: Record<string, Value>, b: Record<string, Value>) =>
    Object.keys(a).filter((name) => JSON.stringify(a[name]) !== JSON.stringify(b[name]));
  return [
    ...differing(one.losses, other.losses).map((name) => `loss ${name}`),
    ...differing(one.networks, other.networks),
    ...differing({ fakes: one.fakes }, { fakes: other.fakes }),
  ];
}

describe('a step', () => {
  test.each(['lsgan', 'vanilla', 'wgan-gp'] as const)('%s: is pure, and keeps no tensor', (ganLoss) => {
    const config = { ...lsgan, ganLoss };
    const state = startingState();
    const inputs = stepInputs(2, ganLoss === 'wgan-gp' ? withMix(2) : {});
    const run = () => {
      const result = trainStep(networks, config, undefined, state, inputs);
      const read = outcomeOf(result);
      tf.dispose(result);
      return read;
    };
    const first = run();
    const before = tf.memory();
    expect(differences(run(), first)).toEqual([]);
    const after = tf.memory();
    expect([after.numTensors, after.numBytes, after.numDataBuffers]).toEqual([
      before.numTensors,
      before.numBytes,
      before.numDataBuffers,
    ]);
    expect((after as unknown as { bytes: number }).bytes).toBe((before as unknown as { bytes: number }).bytes);
    for (const name of networkNames) expect(first.networks[name].every(Number.isFinite)).toBe(true);
    for (const name of ['adversarialAB', 'cycleA', 'identityB', 'discriminatorA'] as const)
      expect(first.losses[name]).not.toBe(0);
    tf.dispose(state);
    tf.dispose(inputs as object as tf.TensorContainerObject);
  });

  test('moves every network, and names what each discriminator saw', () => {
    const start = tf.tidy(() => {
      const state = startingState();
      return Object.fromEntries(
        networkNames.map((name) => [name, state[name].weights.flatMap((w) => Array.from(w.dataSync()))]),
      );
    });
    const { networks: moved } = outcome(lsgan, () => stepInputs(1));
    for (const name of networkNames) {
      const weights = moved[name].slice(0, start[name]!.length);
      const still = weights.filter((weight, i) => weight === start[name]![i]).length;
      expect(still / weights.length, name).toBeLessThan(0.05);
    }
  });

  test('translates every image of a batch as it does alone', () => {
    const together = outcome(lsgan, () => stepInputs(2));
    const alone = outcome({ ...lsgan, lambdaIdentity: 0 }, () => stepInputs(2));
    together.fakes.forEach((value, i) => expect(value).toBeCloseTo(alone.fakes[i]!, 5));
    expect(alone.losses.identityA).toBe(0);
  });

  test('weighs its losses as told', () => {
    const one = outcome(lsgan, () => stepInputs(1)).losses;
    const other = outcome({ ...lsgan, lambdaCycle: 3 * lsgan.lambdaCycle, perceptualBeta: 0.5 }, () => stepInputs(1));
    for (const name of ['cycleA', 'cycleB'] as const) expect(other.losses[name]).toBeCloseTo(1.5 * one[name], 5);
    for (const name of ['identityA', 'identityB'] as const) expect(other.losses[name]).toBeCloseTo(3 * one[name], 5);
    for (const name of ['adversarialAB', 'discriminatorB'] as const) expect(other.losses[name]).toBe(one[name]);
    const none = outcome({ ...lsgan, lambdaCycle: 0, lambdaIdentity: 0 }, () => stepInputs(1)).losses;
    expect([none.cycleA, none.cycleB, none.identityA]).toEqual([0, 0, 0]);
  });
});

/** What a wgan-gp step needs more. */
const withMix = (n: number) => ({
  discriminatorA: { mix: randomTensor<tf.Rank.R4>([n, 1, 1, 1], 8, { low: 0 }) },
  discriminatorB: { mix: randomTensor<tf.Rank.R4>([n, 1, 1, 1], 9, { low: 0 }) },
});

describe('remedies change what they should, and that alone', () => {
  const plain = () => outcome(lsgan, () => stepInputs(2));

  test('a flipped label', () => {
    const flipped = outcome(lsgan, () =>
      stepInputs(2, { discriminatorB: { realLabels: tf.tensor4d([1, 0], [2, 1, 1, 1]) } }),
    );
    expect(differences(plain(), flipped)).toEqual(['loss discriminatorB', 'discriminatorB']);
  });

  test('instance noise reaches the discriminator and the generators it teaches', () => {
    const noise = (level: number) => () =>
      stepInputs(2, { discriminatorB: { noise: tf.mul<Tensor4D>(images(7, 6), level) } });
    const noisy = outcome(lsgan, noise(0.3));
    expect(differences(plain(), noisy)).toEqual([
      'loss adversarialAB',
      'loss discriminatorB',
      'generatorAB',
      'discriminatorB',
    ]);
    expect(differences(plain(), outcome(lsgan, noise(0)))).toEqual([]);
  });

  test('augmentation changes what the discriminator sees, each of the three thirds its own', () => {
    const brighter =
      (...thirds: [number, number, number]) =>
      () =>
        stepInputs(2, {
          discriminatorB: {
            augment: {
              brightness: tf.tensor4d(
                thirds.flatMap((by) => [by, by]),
                [6, 1, 1, 1],
              ),
            },
          },
        });
    const changed = (...thirds: [number, number, number]) => differences(plain(), outcome(lsgan, brighter(...thirds)));
    expect(changed(0, 0, 0)).toEqual([]);
    expect(changed(0.3, 0, 0)).toEqual(['loss adversarialAB', 'generatorAB']);
    expect(changed(0, 0.3, 0)).toEqual(['loss discriminatorB', 'discriminatorB']);
    expect(changed(0, 0, 0.3)).toEqual(['loss discriminatorB', 'discriminatorB']);
    expect(outcome(lsgan, brighter(0, 0.3, 0)).losses).not.toEqual(outcome(lsgan, brighter(0, 0, 0.3)).losses);
  });

  test('a discriminator that rests keeps weights and moments, and reports its loss', () => {
    const resting = outcome(lsgan, () => stepInputs(2, { discriminatorB: { update: undefined } }));
    const before = plain();
    expect(resting.losses).toEqual(before.losses);
    expect(differences(before, resting)).toEqual(['discriminatorB']);
    const start = tf.tidy(() => {
      const { weights, m, v } = startingState().discriminatorB;
      return [...weights, ...m, ...v].flatMap((tensor) => Array.from(tensor.dataSync()));
    });
    expect(resting.networks.discriminatorB).toEqual(start);
  });

  test('a replayed image is shown to the discriminator in place of the new one', () => {
    const sources = (...values: number[]): Tensor1D => tf.tensor1d(values, 'int32');
    const replayed = outcome(lsgan, () => stepInputs(2, { discriminatorA: { sources: sources(0, 2) } }));
    expect(differences(plain(), replayed)).toEqual(['loss discriminatorA', 'discriminatorA']);
    // Only the first stored image was named.
    const same = outcome(lsgan, () =>
      stepInputs(2, {
        discriminatorA: { sources: sources(0, 2), stored: tf.concat([tf.slice(images(3, 2), 0, 1), images(50, 1)], 0) },
      }),
    );
    expect(differences(same, replayed)).toEqual([]);
  });

  test('wgan-gp: the penalty weighs as told, on the discriminators alone', () => {
    const config = (gradientPenalty: number): StepConfig => ({ ...lsgan, ganLoss: 'wgan-gp', gradientPenalty });
    const [none, one, two] = [0, 1, 2].map((weight) => outcome(config(weight), () => stepInputs(2, withMix(2))));
    const penalty = one!.losses.discriminatorA - none!.losses.discriminatorA;
    expect(penalty).toBeGreaterThan(0);
    expect(two!.losses.discriminatorA - none!.losses.discriminatorA).toBeCloseTo(2 * penalty, 4);
    expect(differences(none!, one!)).toEqual([
      'loss discriminatorA',
      'loss discriminatorB',
      'discriminatorA',
      'discriminatorB',
    ]);
  });
});

describe('perceptual cycle loss', () => {
  const vgg = { width: 1 / 32, layers: ['relu2_1', 'conv3_1'], channels: 1 as const };
  const config: StepConfig = { ...lsgan, perceptualAlpha: 0.5, perceptualBeta: 0.5 };
  let params: Params;
  let features: StepFeatures;
  beforeAll(() => {
    params = uploadParams(initialParams(vgg19Features(vgg), 3));
    features = featureStack(vgg, params);
  });

  test('takes real features as given, or computes the same in the same pass', () => {
    const given = () => {
      const inputs = stepInputs(2);
      const real = tf.concat([inputs.realA, inputs.realB], 0);
      return { ...inputs, features: featuresOf(features.stack, features.prepare(real)) };
    };
    const computed = outcome(config, () => stepInputs(2), features);
    expect(computed.losses.features).toBeGreaterThan(0);
    const cached = outcome(config, given, features);
    for (const name of lossNames) expect(cached.losses[name]).toBeCloseTo(computed.losses[name], 5);
    cached.networks.generatorAB.forEach((value, i) => expect(value).toBeCloseTo(computed.networks.generatorAB[i]!, 4));
  });

  test('is the sum of both cycles, and teaches the generators alone', () => {
    const plain = outcome({ ...config, perceptualAlpha: 0 }, () => stepInputs(1));
    const felt = outcome(config, () => stepInputs(1), features);
    expect(differences(plain, felt)).toEqual(['loss features', 'generatorAB', 'generatorBA']);
    const expected = tf.tidy(() => {
      const { realA, realB } = stepInputs(1);
      const state = startingState();
      const translate = (name: 'generatorAB' | 'generatorBA', x: Tensor4D) =>
        networks[name].apply(
          Object.fromEntries(networks[name].params.map(({ name: param }, i) => [param, state[name].weights[i]!])),
          x,
        );
      const distance = (x: Tensor4D, y: Tensor4D) => {
        const [fx, fy] = [x, y].map((image) => vgg19Features(vgg).apply(params, image));
        return fx!.reduce((sum, f, i) => sum + tf.mean(tf.abs(tf.sub(f, fy![i]!))).dataSync()[0]!, 0) / fx!.length;
      };
      const cycleA = distance(translate('generatorBA', translate('generatorAB', realA)), realA);
      const cycleB = distance(translate('generatorAB', translate('generatorBA', realB)), realB);
      return tf.scalar(config.lambdaCycle * config.perceptualAlpha * (cycleA + cycleB));
    });
    expect(felt.losses.features).toBeCloseTo(expected.arraySync(), 5);
    expected.dispose();
  });
});
