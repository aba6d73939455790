import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { StepRunner } from '../../ts/backend/capture/step-runner.js';
import { useEngine, type EngineName, type Precision } from '../../ts/backend/engine.js';
import { makeDiscriminator, type DiscriminatorConfig } from '../../ts/models/discriminator.js';
import { makeGenerator, type GeneratorConfig } from '../../ts/models/generator.js';
import { checkParams, downloadParams, uploadParams } from '../../ts/models/host-params.js';
import type { HostParams } from '../../ts/models/network.js';
import { adamCoefficients } from '../../ts/ops/adam.js';
import { featureStack, type Vgg19Config } from '../../ts/models/vgg19.js';
import { drawDiffAugment, type DiffAugmentation } from '../../ts/train/diff-augment.js';
import {
  networkNames,
  trainStep,
  type DiscriminatorInputs,
  type NetworkName,
  type Networks,
  type NetworkState,
  type StepConfig,
  type StepInputs,
  type StepState,
} from '../../ts/train/step.js';

/** Training steps from given weights on given images; every translation is shown to the discriminators as it is. */
export interface StepsCase {
  readonly config: StepConfig &
    GeneratorConfig &
    DiscriminatorConfig & {
      readonly learningRate: number;
      readonly beta1: number;
      readonly beta2: number;
      /** Of what discriminator B sees; by default nothing. */
      readonly diffAugment?: readonly DiffAugmentation[];
    };
  /** Weights at the start. */
  readonly weights: Readonly<Record<NetworkName, HostParams>>;
  readonly features?: undefined | { readonly config: Vgg19Config; readonly params: HostParams };
  /** Images of each class for each step, [n, h, w, c] in [-1, 1]. */
  readonly batches: readonly { readonly a: HostImages; readonly b: HostImages }[];
}

export interface HostImages {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

export interface StepsResult {
  /** Of each step, one for each of lossNames. */
  readonly losses: number[][];
  /** `generatorAB/encoder.0.filter`, ... after each step. */
  readonly weights: HostParams[];
}

export function networksOf(config: GeneratorConfig & DiscriminatorConfig): Networks {
  const [generator, discriminator] = [makeGenerator(config), makeDiscriminator(config)];
  return {
    generatorAB: generator,
    generatorBA: generator,
    discriminatorA: discriminator,
    discriminatorB: discriminator,
  };
}

/** Weights uploaded, moments 0. */
export function startingState(networks: Networks, weights: StepsCase['weights']): StepState {
  const stateOf = (name: NetworkName): NetworkState => {
    const params = uploadParams(checkParams(networks[name], weights[name], name));
    const tensors = Object.values(params);
    return { weights: tensors, m: tensors.map((t) => tf.zerosLike(t)), v: tensors.map((t) => tf.zerosLike(t)) };
  };
  return Object.fromEntries(networkNames.map((name) => [name, stateOf(name)])) as Record<NetworkName, NetworkState>;
}

export const upload = ({ shape, values }: HostImages): Tensor4D => tf.tensor4d(values, [...shape] as Tensor4D['shape']);

/** A discriminator's inputs where every translation is shown as it is and no label is flipped. */
export function plainInputs(real: Tensor4D): DiscriminatorInputs {
  const n = real.shape[0];
  return { stored: real, sources: tf.range(0, n, 1, 'int32'), realLabels: tf.ones([n, 1, 1, 1]) };
}

/** Runs the steps on an engine: recorded where it records. */
export async function runSteps(
  engine: EngineName,
  { config, weights, features, batches }: StepsCase,
  precision: Precision = 'float32',
): Promise<StepsResult> {
  await useEngine(engine, precision);
  const networks = networksOf(config);
  const featureParams = uploadParams(features?.params ?? {});
  const stepFeatures = features && featureStack(features.config, featureParams);
  const result: StepsResult = { losses: [], weights: [] };
  const runner = new StepRunner((state: StepState, inputs: StepInputs) => {
    const { state: next, ...outputs } = trainStep(networks, config, stepFeatures, state, inputs);
    return { state: next, outputs };
  });
  let state = startingState(networks, weights);
  for (const [step, { a, b }] of batches.entries()) {
    const { learningRate, beta1, beta2 } = config;
    const update = adamCoefficients({ learningRate, beta1, beta2, epsilon: 1e-8, step: step + 1 });
    const inputs = { realA: upload(a), realB: upload(b) };
    const [n, ...image] = inputs.realB.shape;
    const augment = config.diffAugment && drawDiffAugment(config.diffAugment, 1, step, 3 * n, image);
    const discriminators = {
      discriminatorA: { ...plainInputs(inputs.realA), update },
      discriminatorB: { ...plainInputs(inputs.realB), ...(augment && { augment }), update },
    };
    const after = await runner.run(state, { ...inputs, ...discriminators, update });
    state = after.state;
    result.losses.push(Array.from(await after.outputs.losses.data()));
    result.weights.push(await downloadState(networks, state));
    for (const used of [inputs, update, discriminators, after.outputs]) disposeAll(used);
  }
  runner.dispose();
  disposeAll(state);
  disposeAll(featureParams);
  return result;
}

async function downloadState(networks: Networks, state: StepState): Promise<HostParams> {
  const entries = networkNames.flatMap((name) =>
    networks[name].params.map((spec, i) => [`${name}/${spec.name}`, state[name].weights[i]!] as const),
  );
  return downloadParams(Object.fromEntries(entries));
}

/** Tensors in any structure; tfjs's types ask for an index signature. */
const disposeAll = (tensors: object) => tf.dispose(tensors as tf.TensorContainerObject);
