import { presets } from '../ts/train/presets.js';
import type { TrainConfig } from '../ts/train/options.js';

/** A colour ECycleGAN of the paper's whole dense blocks, as short as PyTorch users' first try: the peer's default. */
const reference: TrainConfig = {
  ...presets['paper-ecyclegan'],
  channels: 3,
  size: 48,
  baseWidth: 64,
  blocks: 2,
  denseBlocks: 3,
  subBlocks: 5,
  trunkNorm: 'none',
  discriminatorWidth: 64,
  discriminatorLayers: 3,
  // The peer's: 10 times pixel distance, once the distance of features.
  lambdaCycle: 10,
  lambdaIdentity: 0.5,
  perceptualAlpha: 0.1,
  perceptualBeta: 1,
  featureLayers: ['relu5_4'],
  poolSize: 50,
};

/** What steps are measured on. */
export const networks = {
  reference,
  'write-up': { ...reference, blocks: 6, denseBlocks: 2, subBlocks: 3, trunkNorm: 'instance' },
} as const satisfies Record<string, TrainConfig>;

export type NetworkName = keyof typeof networks;

/** Small enough for tfjs's cpu backend to take seconds a step, not minutes. */
export const small: TrainConfig = {
  ...reference,
  size: 32,
  channels: 1,
  baseWidth: 8,
  growth: 8,
  blocks: 1,
  denseBlocks: 2,
  subBlocks: 3,
  discriminatorWidth: 8,
  discriminatorLayers: 2,
  featureLayers: ['relu2_2'],
};

/** Times VGG19's channels, for its perceptual loss. */
export const smallFeatureWidth = 0.125;

/** Small enough for a GPU that a CPU plays: to see that all of a bench works. */
export const tiny: TrainConfig = {
  ...small,
  ...{ size: 16, baseWidth: 4, growth: 4, denseBlocks: 1, subBlocks: 2, discriminatorWidth: 4, poolSize: 4 },
  trunkNorm: 'instance',
};

/** The same network as the peer's `Config` names it. */
export const peerConfig = (config: TrainConfig): Readonly<Record<string, unknown>> => ({
  generator: config.generator,
  channels: config.channels,
  ngf: config.baseWidth,
  ndf: config.discriminatorWidth,
  n_blocks: config.resBlocks,
  nb: config.blocks,
  n_rdb: config.denseBlocks,
  n_conv: config.subBlocks,
  trunk_norm: config.trunkNorm === 'instance',
  growth: config.growth,
  alpha: config.residualScale,
  n_layers_d: config.discriminatorLayers,
  vgg_mode: 'relu5_4',
  lambda_cycle: config.lambdaCycle,
  lambda_idt: config.lambdaIdentity,
  lambda_perc: config.lambdaCycle * config.perceptualAlpha,
  lr: config.learningRate,
  betas: [config.beta1, config.beta2],
  pool_size: config.poolSize,
});

export const describeNetwork = ({
  blocks,
  denseBlocks,
  subBlocks,
  trunkNorm,
  baseWidth,
  channels,
  size,
}: TrainConfig) =>
  `${blocks} x ${denseBlocks} dense blocks of ${subBlocks} convolutions, ${trunkNorm === 'none' ? 'no' : 'instance'} norm in ` +
  `the trunk, base width ${baseWidth}, ${channels === 3 ? 'colour' : 'grey'} ${size}x${size}`;
