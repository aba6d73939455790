import type { TrainConfig, TrainSettings } from './options.js';

/**
 * The reduced ECycleGAN of the write-up: RDNB trunk of 2 dense blocks of 3 convolutions, cycle
 * weight 1 (10 gave near copies), identity 0.5, residual scale 0.5, half feature and half pixel
 * distance, LSGAN, batch 1, pool of 50, 100 + 100 epochs (Zhu et al. 2017).
 */
const paperECycleGan: TrainConfig = {
  data: 'synthetic',
  ferplus: null,
  usage: 'training',
  skipBad: false,
  from: 'Neutral',
  to: 'Disgust',
  size: 48,
  channels: 1,

  generator: 'ecyclegan',
  baseWidth: 64,
  resBlocks: 6,
  blocks: 2,
  denseBlocks: 2,
  subBlocks: 3,
  growth: 32,
  trunkNorm: 'instance',
  residualScale: 0.5,
  keepLight: false,
  discriminatorWidth: 64,
  discriminatorLayers: 3,

  ganLoss: 'lsgan',
  gradientPenalty: 10,
  lambdaCycle: 1,
  lambdaIdentity: 0.5,
  perceptualAlpha: 0.5,
  perceptualBeta: 0.5,
  features: 'default',
  featureLayers: null,

  epochsFlat: 100,
  epochsDecay: 100,
  stepsPerEpoch: null,
  batchSize: 1,
  learningRate: 2e-4,
  beta1: 0.5,
  beta2: 0.999,
  poolSize: 50,
  flip: true,
  seed: 1,

  rareClass: 'to',
  labelFlip: 0,
  instanceNoise: 0,
  instanceNoiseEpochs: null,
  diffAugment: null,
  discriminatorEvery: 1,
  warmupEpochs: 0,

  name: null,
  runs: 'runs',
  engine: 'native',
  capture: true,
  precision: 'float32',
  maxSteps: null,
  maxMinutes: null,
  checkpointEvery: 1000,
  keepCheckpoints: 2,
  sampleEvery: 500,
  samples: 8,
  logEvery: 20,
};

/** The write-up's CycleGAN: the same, with residual blocks and a cycle loss of pixels alone. */
const paperCycleGan: TrainSettings = {
  generator: 'cyclegan',
  perceptualAlpha: 0,
  perceptualBeta: 1,
};

/**
 * Two minutes on two idle cores, from the built-in synthetic faces: small networks and a short
 * schedule. A higher learning rate makes up for few steps; the cycle weighs more and the
 * discriminators know less, else so few images of the rare class are learnt by heart.
 */
const quick: TrainSettings = {
  baseWidth: 16,
  growth: 16,
  blocks: 1,
  residualScale: 1,
  keepLight: true,
  discriminatorWidth: 16,
  discriminatorLayers: 2,
  lambdaCycle: 4,
  perceptualAlpha: 0,
  perceptualBeta: 1,
  epochsFlat: 15,
  epochsDecay: 20,
  stepsPerEpoch: 100,
  learningRate: 5e-4,
  instanceNoise: 0.05,
  checkpointEvery: 500,
  sampleEvery: 500,
};

/** Named starting points; each is a whole configuration. */
export const presets = {
  quick: { ...paperECycleGan, ...quick },
  'paper-cyclegan': { ...paperECycleGan, ...paperCycleGan },
  'paper-ecyclegan': paperECycleGan,
} as const satisfies Record<string, TrainConfig>;

export type PresetName = keyof typeof presets;
