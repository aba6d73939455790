import * as tf from '@tensorflow/tfjs-core';
import type { Tensor } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { useEngine } from '../../ts/backend/engine.js';
import { uploadParams } from '../../ts/models/host-params.js';
import { adamCoefficients } from '../../ts/ops/adam.js';
import { featureStack } from '../../ts/models/vgg19.js';
import { lossNames, type LossName } from '../../ts/train/losses.js';
import { networkNames, trainStep, type NetworkName, type StepState } from '../../ts/train/step.js';
import { emulated } from '../helpers/parity.js';
import { smallCase, smallCycleGan, smallECycleGan } from '../helpers/small-training.js';
import { networksOf, plainInputs, startingState, upload } from '../helpers/steps.js';

describe('the gradients of a step, by differences', () => {
  beforeAll(() => useEngine('native'));

  const generatorTerms = lossNames.filter((name) => !name.startsWith('discriminator'));

  describe.each([
    ['CycleGAN, lsgan', smallCycleGan],
    ['ECycleGAN, vanilla', { ...smallECycleGan, ganLoss: 'vanilla' as const }],
    ['ECycleGAN without norm, wgan-gp', { ...smallECycleGan, trunkNorm: 'none' as const, ganLoss: 'wgan-gp' as const }],
  ])('%s', (_, config) => {
    const { weights, features, batches } = smallCase(config, 1, emulated ? 12 : 16);
    const networks = networksOf(config);

    /** Losses of a step and its gradients: Adam's first moments after one update from 0, whose decay is 0. */
    function stepFrom(state: StepState): {
      losses: Record<LossName, number>;
      gradients: Record<NetworkName, Tensor[]>;
    } {
      const { a, b } = batches[0]!;
      const [realA, realB] = [upload(a), upload(b)];
      const update = adamCoefficients({ learningRate: 1e-3, beta1: 0, beta2: 0.999, epsilon: 1e-8, step: 1 });
      const mix = config.ganLoss === 'wgan-gp' ? { mix: tf.tensor4d([0.3], [1, 1, 1, 1]) } : {};
      const stack = features && featureStack(features.config, uploadParams(features.params));
      const { state: after, losses } = trainStep(networks, config, stack, state, {
        realA,
        realB,
        update,
        discriminatorA: { ...plainInputs(realA), ...mix, update },
        discriminatorB: { ...plainInputs(realB), ...mix, update },
      });
      const values = losses.dataSync();
      return {
        losses: Object.fromEntries(lossNames.map((name, i) => [name, values[i]!])) as Record<LossName, number>,
        gradients: Object.fromEntries(networkNames.map((name) => [name, [...after[name].m]])) as Record<
          NetworkName,
          Tensor[]
        >,
      };
    }

    const trunk = config.generator === 'cyclegan' ? 'trunk.0.conv2.filter' : 'trunk.0.dense2.conv2.filter';
    const parameters: [NetworkName, string, LossName[]][] = [
      ['generatorAB', 'encoder.0.filter', generatorTerms],
      ['generatorBA', 'encoder.1.filter', generatorTerms],
      ['generatorAB', trunk, generatorTerms],
      ['generatorBA', 'decoder.0.filter', generatorTerms],
      ['generatorAB', 'decoder.2.filter', generatorTerms],
      ['discriminatorA', 'layers.0.filter', ['discriminatorA']],
      ['discriminatorB', 'layers.1.filter', ['discriminatorB']],
      ['discriminatorB', 'layers.3.filter', ['discriminatorB']],
    ];
    // There, what every other gradient of a network leads to.
    const checked = parameters.filter(([, parameter]) => !emulated || /^(encoder|layers)\.0\.filter$/.test(parameter));
    test.each(checked)('%s %s', (name, parameter, terms) => {
      tf.tidy(() => {
        const state = startingState(networks, weights);
        const { gradients } = stepFrom(state);
        const index = networks[name].params.findIndex((spec) => spec.name === parameter);
        const gradient = gradients[name][index]!;
        const length = tf.norm(gradient).dataSync()[0]!;
        const direction = tf.div(gradient, length);
        const objectiveAt = (distance: number): number => {
          const moved = [...state[name].weights];
          moved[index] = tf.add(moved[index]!, tf.mul(direction, distance));
          const { losses } = stepFrom({ ...state, [name]: { ...state[name], weights: moved } });
          return terms.reduce((sum, term) => sum + losses[term], 0);
        };
        // Along its gradient an objective rises by the gradient's length. L1 and the activations have
        // kinks: the median over steps of three sizes leaves out one that meets many.
        const slopes = [3e-4, 1e-3, 3e-3].map((rise) => {
          const h = rise / length;
          return (objectiveAt(h) - objectiveAt(-h)) / (2 * h);
        });
        const slope = slopes.sort((a, b) => a - b)[1]!;
        expect(Math.abs(slope - length)).toBeLessThan(0.02 * length);
      });
    });
  });
});
