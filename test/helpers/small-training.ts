import { Philox } from '../../ts/base/random.js';
import { initialParams, type HostParams } from '../../ts/models/network.js';
import { vgg19Features, type Vgg19Config } from '../../ts/models/vgg19.js';
import { networkNames, type NetworkName } from '../../ts/train/step.js';
import { testParams } from './gradients.js';
import { networksOf, type HostImages, type StepsCase } from './steps.js';

/** A CycleGAN of two channels, with its training settings. */
export const smallCycleGan: StepsCase['config'] = {
  generator: 'cyclegan',
  channels: 1,
  baseWidth: 2,
  resBlocks: 1,
  blocks: 1,
  denseBlocks: 2,
  subBlocks: 3,
  growth: 2,
  trunkNorm: 'instance',
  residualScale: 0.5,
  discriminatorWidth: 2,
  discriminatorLayers: 2,
  ganLoss: 'lsgan',
  gradientPenalty: 10,
  lambdaCycle: 10,
  lambdaIdentity: 0.5,
  perceptualAlpha: 0,
  perceptualBeta: 1,
  learningRate: 1e-3,
  beta1: 0.5,
  beta2: 0.999,
};
/** An ECycleGAN of two channels with a perceptual loss. */
export const smallECycleGan: StepsCase['config'] = {
  ...smallCycleGan,
  generator: 'ecyclegan',
  perceptualAlpha: 0.5,
  perceptualBeta: 0.5,
};
const vgg: Vgg19Config = { width: 1 / 32, channels: 1, layers: ['relu1_2', 'relu3_1'] };

function imagesOf(seed: number, side: number): HostImages {
  const random = new Philox(seed);
  const values = Float32Array.from({ length: side * side }, () => 2 * random.uniform() - 1);
  return { shape: [1, side, side, 1], values };
}

/** Steps on random images of batch 1, from random weights. */
export function smallCase(config: StepsCase['config'], steps: number, side: number): StepsCase {
  const networks = networksOf(config);
  const weights = networkNames.map((name, i) => [name, testParams(networks[name], 100 * i + 1)] as const);
  return {
    config,
    weights: Object.fromEntries(weights) as Record<NetworkName, HostParams>,
    features: config.perceptualAlpha > 0 ? { config: vgg, params: initialParams(vgg19Features(vgg), 9) } : undefined,
    batches: Array.from({ length: steps }, (_, i) => ({ a: imagesOf(2 * i, side), b: imagesOf(2 * i + 1, side) })),
  };
}
