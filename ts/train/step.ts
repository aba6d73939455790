import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs-core';
import type { Network, Params } from '../models/network.js';
import { adamUpdate } from '../ops/adam.js';
import { valueAndGrads } from '../ops/gradients.js';
import { perceptualLoss, type FeatureStack } from '../ops/perceptual-loss.js';
import { diffAugment, type DiffAugmentInputs } from './diff-augment.js';
import { adversarialLoss, discriminatorLoss, gradientPenalty, l1, lossNames, type LossName } from './losses.js';
import type { TrainConfig } from './options.js';

/** G_AB translates A to B, G_BA back; D_A judges images of class A, D_B of class B. */
export const networkNames = ['generatorAB', 'generatorBA', 'discriminatorA', 'discriminatorB'] as const;
export type NetworkName = (typeof networkNames)[number];
export type DiscriminatorName = 'discriminatorA' | 'discriminatorB';

export type Networks = Readonly<Record<NetworkName, Network>>;

/** Weights of a network and Adam's moments of each, in the order of the network's `params`. */
export type NetworkState = { weights: Tensor[]; m: Tensor[]; v: Tensor[] };
export type StepState = Record<NetworkName, NetworkState>;

/** What one discriminator's update needs beside the images, for n images a class. */
export interface DiscriminatorInputs {
  /** Images of the replay buffer, [n, h, w, c]. */
  readonly stored: Tensor4D;
  /** int32 [n]: the fakes that are shown, as indices into [this step's n translations, then `stored`]. */
  readonly sources: Tensor1D;
  /** [n, 1, 1, 1]: 1, or 0 where the label of a real image is flipped. */
  readonly realLabels: Tensor4D;
  /** Instance noise [3n, h, w, c] on the translations as the generator's update shows them, the real images, the fakes. */
  readonly noise?: Tensor4D;
  /** How these 3n images are changed before the noise. */
  readonly augment?: DiffAugmentInputs;
  /** wgan-gp: [n, 1, 1, 1] in [0, 1), where between fake and real the penalty is taken. */
  readonly mix?: Tensor4D;
  /** Adam's coefficients; left out: its loss is reported and its weights stay. */
  readonly update?: Tensor1D;
}

/** Everything that changes from step to step. */
export interface StepInputs extends Readonly<Record<DiscriminatorName, DiscriminatorInputs>> {
  readonly realA: Tensor4D;
  readonly realB: Tensor4D;
  /** Features of [realA; realB], one tensor a tap; left out: they are computed with the reconstructions'. */
  readonly features?: readonly Tensor4D[];
  /** Adam's coefficients. */
  readonly update: Tensor1D;
}

export type StepResult = {
  state: StepState;
  /** One value for each of `lossNames`. */
  losses: Tensor1D;
  /** Translations B -> A and A -> B, [n, h, w, c], by the generators as they were before the update. */
  fakeA: Tensor4D;
  fakeB: Tensor4D;
};

/** The feature network of the perceptual cycle loss. */
export interface StepFeatures {
  readonly stack: FeatureStack;
  prepare(x: Tensor4D): Tensor4D;
}

export type StepConfig = Pick<
  TrainConfig,
  'ganLoss' | 'gradientPenalty' | 'lambdaCycle' | 'lambdaIdentity' | 'perceptualAlpha' | 'perceptualBeta'
>;

type LossTerms = Partial<Record<LossName, Scalar>>;
type GeneratorLosses = Omit<LossTerms, DiscriminatorName>;

/**
 * One training step of CycleGAN (Zhu et al. 2017) as a pure function on the engine: generators
 * first, then the discriminators, on the translations of the same pass. It reads nothing but its
 * arguments and keeps nothing, so it can be recorded once and replayed. All results are new
 * tensors; arguments stay the caller's.
 * @param features needed where perceptualAlpha is above 0
 */
export function trainStep(
  networks: Networks,
  config: StepConfig,
  features: StepFeatures | undefined,
  state: StepState,
  inputs: StepInputs,
): StepResult {
  return tf.tidy(() => {
    const generators = updateGenerators(networks, config, features, state, inputs);
    const judge = (name: DiscriminatorName, real: Tensor4D, fake: Tensor4D) =>
      updateDiscriminator(networks[name], config, state[name], real, fake, inputs[name]);
    const a = judge('discriminatorA', inputs.realA, generators.fakeA);
    const b = judge('discriminatorB', inputs.realB, generators.fakeB);
    const zero = tf.scalar(0);
    const terms: LossTerms = { ...generators.losses, discriminatorA: a.loss, discriminatorB: b.loss };
    return {
      state: { ...generators.state, discriminatorA: a.state, discriminatorB: b.state },
      losses: tf.stack(lossNames.map((name) => terms[name] ?? zero)) as Tensor1D,
      fakeA: generators.fakeA,
      fakeB: generators.fakeB,
    };
  });
}

function updateGenerators(
  networks: Networks,
  config: StepConfig,
  features: StepFeatures | undefined,
  state: StepState,
  inputs: StepInputs,
) {
  const ab = state.generatorAB;
  const ba = state.generatorBA;
  let names: LossName[] = [];
  const { grads, beside } = gradientsOf([...ab.weights, ...ba.weights], (weights) => {
    const paramsAB = named(networks.generatorAB, weights.slice(0, ab.weights.length));
    const paramsBA = named(networks.generatorBA, weights.slice(ab.weights.length));
    const { losses, fakeA, fakeB } = generatorLosses(
      {
        ab: (x) => networks.generatorAB.apply(paramsAB, x),
        ba: (x) => networks.generatorBA.apply(paramsBA, x),
        judgeA: judgeOf(networks.discriminatorA, state.discriminatorA, inputs.discriminatorA),
        judgeB: judgeOf(networks.discriminatorB, state.discriminatorB, inputs.discriminatorB),
      },
      config,
      features,
      inputs,
    );
    names = Object.keys(losses) as LossName[];
    const terms = Object.values(losses);
    return { loss: tf.addN(terms), beside: [fakeA, fakeB, ...terms] };
  });
  const [fakeA, fakeB, ...terms] = beside as [Tensor4D, Tensor4D, ...Scalar[]];
  const join = (part: keyof NetworkState) => [...ab[part], ...ba[part]];
  const { params, m, v } = adamUpdate(join('weights'), grads, join('m'), join('v'), inputs.update);
  const cut = (start: number, end?: number): NetworkState => ({
    weights: params.slice(start, end),
    m: m.slice(start, end),
    v: v.slice(start, end),
  });
  return {
    state: { generatorAB: cut(0, ab.weights.length), generatorBA: cut(ab.weights.length) },
    losses: Object.fromEntries(names.map((name, i) => [name, terms[i]!])) as GeneratorLosses,
    fakeA,
    fakeB,
  };
}

type Map4D = (x: Tensor4D) => Tensor4D;

/** A discriminator as the generator's update meets it: frozen. */
function judgeOf(network: Network, { weights }: NetworkState, inputs: DiscriminatorInputs): Map4D {
  const params = named(network, weights);
  return (x) => network.apply(params, seen(x, inputs, 0, 1));
}

/** Images as a discriminator sees them: by what it is given for `taken` thirds of all that it sees, from `at` on. */
function seen(x: Tensor4D, { augment, noise }: DiscriminatorInputs, at: number, taken: number): Tensor4D {
  if (augment) {
    const own = Object.entries(augment).map(([name, values]) => [name, part(values, at, 3, taken)]);
    x = diffAugment(x, Object.fromEntries(own) as DiffAugmentInputs);
  }
  return noise ? tf.add(x, part(noise, at, 3, taken)) : x;
}

/**
 * The terms of the generators' objective, weights included; those that weigh nothing are left out.
 * Every network runs once on what can be run together.
 */
function generatorLosses(
  nets: Readonly<Record<'ab' | 'ba' | 'judgeA' | 'judgeB', Map4D>>,
  { ganLoss, lambdaCycle, lambdaIdentity, perceptualAlpha, perceptualBeta }: StepConfig,
  features: StepFeatures | undefined,
  { realA, realB, features: realFeatures }: StepInputs,
): { losses: GeneratorLosses; fakeA: Tensor4D; fakeB: Tensor4D } {
  const losses: GeneratorLosses = {};
  const identityWeight = lambdaIdentity * lambdaCycle;
  let fakeA: Tensor4D;
  let fakeB: Tensor4D;
  if (identityWeight > 0) {
    const [translatedB, sameB] = halves(nets.ab(tf.concat([realA, realB], 0)));
    const [translatedA, sameA] = halves(nets.ba(tf.concat([realB, realA], 0)));
    [fakeA, fakeB] = [translatedA, translatedB];
    losses.identityA = weighted(identityWeight, l1(sameA, realA));
    losses.identityB = weighted(identityWeight, l1(sameB, realB));
  } else {
    fakeB = nets.ab(realA);
    fakeA = nets.ba(realB);
  }
  losses.adversarialAB = adversarialLoss(ganLoss, nets.judgeB(fakeB));
  losses.adversarialBA = adversarialLoss(ganLoss, nets.judgeA(fakeA));
  if (lambdaCycle > 0) {
    const cycledA = nets.ba(fakeB);
    const cycledB = nets.ab(fakeA);
    if (perceptualBeta > 0) {
      losses.cycleA = weighted(lambdaCycle * perceptualBeta, l1(cycledA, realA));
      losses.cycleB = weighted(lambdaCycle * perceptualBeta, l1(cycledB, realB));
    }
    if (perceptualAlpha > 0) {
      if (!features) throw new Error('A perceptual loss needs a feature network.');
      const target = realFeatures
        ? { features: realFeatures }
        : { images: features.prepare(tf.concat([realA, realB], 0)) };
      // A mean over both cycles at once is half of the sum of their means.
      const distance = perceptualLoss(features.stack, features.prepare(tf.concat([cycledA, cycledB], 0)), target);
      losses.features = weighted(2 * lambdaCycle * perceptualAlpha, distance);
    }
  }
  return { losses, fakeA, fakeB };
}

function updateDiscriminator(
  network: Network,
  config: StepConfig,
  state: NetworkState,
  real: Tensor4D,
  translated: Tensor4D,
  inputs: DiscriminatorInputs,
): { state: NetworkState; loss: Scalar } {
  const shown = tf.gather(tf.concat([translated, inputs.stored], 0), inputs.sources);
  const images = seen(tf.concat([real, shown], 0), inputs, 1, 2);
  const objective = (weights: readonly Tensor[]) =>
    discriminatorObjective((x) => network.apply(named(network, weights), x), config, images, inputs);
  const { update } = inputs;
  if (!update) return { state: mapState(state, (tensor) => tensor.clone()), loss: objective(state.weights) };
  const { grads, beside } = gradientsOf(state.weights, (weights) => {
    const loss = objective(weights);
    return { loss, beside: [loss] };
  });
  const { params, m, v } = adamUpdate(state.weights, grads, state.m, state.v, update);
  return { state: { weights: params, m, v }, loss: beside[0] as Scalar };
}

/** @param images [2n, h, w, c], real then fake */
function discriminatorObjective(
  judge: Map4D,
  { ganLoss, gradientPenalty: penaltyWeight }: StepConfig,
  images: Tensor4D,
  { realLabels, mix }: DiscriminatorInputs,
): Scalar {
  const [onReal, onFake] = halves(judge(images));
  const loss = discriminatorLoss(ganLoss, onReal, onFake, realLabels);
  if (!mix || penaltyWeight === 0) return loss;
  const [real, fake] = halves(images);
  const between: Tensor4D = tf.add(fake, tf.mul(mix, tf.sub(real, fake)));
  return tf.add(loss, weighted(penaltyWeight, gradientPenalty(judge, between)));
}

/** A network's weights, given in the order of its `params`, by name. */
export function named(network: Network, weights: readonly Tensor[]): Params {
  return Object.fromEntries(network.params.map(({ name }, i) => [name, weights[i]!]));
}

const weighted = (weight: number, loss: Scalar): Scalar => tf.mul(loss, weight);

const halves = (x: Tensor4D): [Tensor4D, Tensor4D] => [part(x, 0, 2), part(x, 1, 2)];

/** `taken` of `parts` equal parts of a batch, from the part `at` on. */
function part(x: Tensor4D, at: number, parts: number, taken = 1): Tensor4D {
  const [n, ...image] = x.shape;
  const size = n / parts;
  return tf.slice(x, [at * size, 0, 0, 0], [taken * size, ...image]);
}

/** The same of every tensor of a network's state. */
function mapState({ weights, m, v }: NetworkState, change: (tensor: Tensor) => Tensor): NetworkState {
  return { weights: weights.map(change), m: m.map(change), v: v.map(change) };
}

/**
 * Gradients of a scalar in `xs`, and tensors that come up on the way to it: tfjs would dispose
 * them with the forward pass.
 */
function gradientsOf(
  xs: readonly Tensor[],
  compute: (xs: readonly Tensor[]) => { loss: Scalar; beside: readonly Tensor[] },
): { grads: Tensor[]; beside: Tensor[] } {
  let kept: Tensor[] = [];
  try {
    const { grads } = valueAndGrads((...args) => {
      const { loss, beside } = compute(args);
      kept = beside.map((tensor) => tf.keep(tensor));
      return loss;
    }, xs);
    // Clones belong to the tidy around, unlike what is kept.
    return { grads, beside: kept.map((tensor) => tensor.clone()) };
  } finally {
    tf.dispose(kept);
  }
}
