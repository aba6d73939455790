import { z } from 'zod';
import { engineOption, precisions } from '../backend/engine.js';
import {
  belowOne,
  choice,
  faceClass,
  folder,
  maybe,
  number,
  option,
  positive,
  text,
  toggle,
  whole,
  type Settings,
} from '../base/options.js';
import { dataOptions } from '../data/options.js';
import { diffAugmentations } from './diff-augment.js';

/**
 * Every option of training, in the groups in which `--help` lists them. "rare" options act on the
 * discriminator of `rareClass` alone.
 */
export const optionGroups = {
  Data: {
    data: dataOptions.data,
    ferplus: dataOptions.ferplus,
    usage: dataOptions.usage,
    skipBad: dataOptions.skipBad,
    from: faceClass('class to translate from (A)'),
    to: faceClass('class to translate to (B)'),
    size: option(
      z.int().min(16).max(512).multipleOf(4),
      'an integer between 16 and 512 (must be divisible by 4)',
      'side of the images in pixels',
    ),
    channels: dataOptions.channels,
  },
  Networks: {
    generator: choice(['cyclegan', 'ecyclegan'], 'trunk of residual blocks, or of residual dense blocks'),
    baseWidth: whole(1, 512, "channels after the generator's first convolution"),
    resBlocks: whole(1, 64, 'cyclegan: residual blocks'),
    blocks: whole(1, 64, 'ecyclegan: blocks of dense blocks'),
    denseBlocks: whole(1, 16, 'ecyclegan: dense blocks a block (write-up 2, paper 3)'),
    subBlocks: whole(2, 16, 'ecyclegan: convolutions a dense block (write-up 3, paper 5)'),
    growth: whole(1, 512, 'ecyclegan: channels that each convolution adds'),
    trunkNorm: choice(['instance', 'none'], 'ecyclegan: instance (RDNB) or none (RRDB)'),
    residualScale: number(0, 10, 'ecyclegan: scale of the residual branches'),
    keepLight: toggle("give a translation its source's mean and contrast, to which instance norms are blind"),
    discriminatorWidth: whole(1, 512, "channels after the discriminator's first convolution"),
    discriminatorLayers: whole(2, 4, 'stride-2 layers and the next of the discriminator; fewer suit small images'),
  },
  Losses: {
    ganLoss: choice(['lsgan', 'vanilla', 'wgan-gp'], 'adversarial objective'),
    gradientPenalty: number(0, 1000, 'wgan-gp: weight of the gradient penalty'),
    lambdaCycle: number(0, 1000, 'weight of the cycle loss'),
    lambdaIdentity: number(0, 1000, 'weight of the identity loss, relative to lambdaCycle'),
    perceptualAlpha: number(0, 1000, 'weight of feature distance in the cycle loss; 0: no features'),
    perceptualBeta: number(0, 1000, 'weight of pixel distance in the cycle loss'),
    features: text('a file or the word default', 'weights of the feature network, or "default"'),
    featureLayers: maybe(
      option(z.array(z.string().min(1)).min(1), 'layer names such as relu5_4', 'layers compared, e.g. relu3_1,relu5_4'),
    ),
  },
  Optimisation: {
    epochsFlat: whole(0, 1_000_000, 'epochs at the full learning rate'),
    epochsDecay: whole(0, 1_000_000, 'epochs over which it falls to 0'),
    stepsPerEpoch: maybe(whole(1, 10_000_000, 'steps that count as an epoch'), 'as many as the larger class fills'),
    batchSize: whole(1, 256, 'images of each class a step'),
    learningRate: positive('step size of Adam', 1),
    beta1: belowOne("Adam's first decay rate"),
    beta2: belowOne("Adam's second decay rate"),
    poolSize: whole(0, 10_000, 'translated images kept for the discriminators; 0: none'),
    flip: toggle('mirror half of the images'),
    seed: whole(0, 0xffffffff, 'the same seed gives the same run'),
  },
  'Remedies against overfitting': {
    rareClass: choice(['to', 'from'], 'which class is rare: its discriminator gets the remedies'),
    labelFlip: number(0, 0.5, 'rare: fraction of real labels that are flipped'),
    instanceNoise: number(0, 2, 'rare: deviation of noise on what the discriminator sees, falling to 0'),
    instanceNoiseEpochs: maybe(whole(1, 1_000_000, 'rare: epochs until the noise is 0'), 'all'),
    diffAugment: {
      ...maybe(
        option(
          z.array(z.enum(diffAugmentations)).min(1),
          `one or more of ${diffAugmentations.join(', ')}`,
          'rare: change what the discriminator sees at random (DiffAugment)',
        ),
        'nothing',
      ),
      placeholder: diffAugmentations.join(','),
    },
    discriminatorEvery: whole(1, 1000, 'rare: generator updates for each update of the discriminator'),
    warmupEpochs: whole(0, 1_000_000, 'rare: epochs before discriminatorEvery starts'),
  },
  Run: {
    name: maybe(
      option(
        z.string().regex(/^[\w.-]+$/),
        'letters, digits, dots, dashes and underscores',
        "end of the run folder's name",
      ),
      'the classes',
    ),
    runs: folder('folder that holds the run folders'),
    engine: engineOption,
    capture: toggle('replay the training step as one recorded call (native engine; the same bits, faster)'),
    precision: choice(
      precisions,
      'what products round their factors to; bfloat16: faster where the processor has it; tf32: on a GPU',
    ),
    maxSteps: maybe(whole(1, 1e12, 'stop, with a checkpoint, at this step')),
    maxMinutes: maybe(positive('stop, with a checkpoint, after this many minutes')),
    checkpointEvery: whole(1, 1e12, 'steps between checkpoints'),
    keepCheckpoints: whole(1, 1_000_000, 'newest checkpoints to keep'),
    sampleEvery: whole(1, 1e12, 'steps between sample grids'),
    samples: whole(1, 64, 'faces of each class in a sample grid'),
    logEvery: whole(1, 1e12, 'steps averaged in a line of metrics.jsonl'),
  },
} as const;

type Groups = typeof optionGroups;
type AllOptions = Groups['Data'] &
  Groups['Networks'] &
  Groups['Losses'] &
  Groups['Optimisation'] &
  Groups['Remedies against overfitting'] &
  Groups['Run'];

/** Every option by name. */
export const options = Object.assign({}, ...Object.values(optionGroups)) as AllOptions;

/** Options that earlier versions did not have, and what they did: configurations of theirs lack them. */
export const laterDefaults = {
  capture: true,
  precision: 'float32',
  diffAugment: null,
} as const satisfies TrainSettings;

/** Options that may change between the sittings of one run: none changes a weight of a given step. */
export const sittingOptions = [
  'maxSteps',
  'maxMinutes',
  'checkpointEvery',
  'keepCheckpoints',
  'sampleEvery',
  'capture',
] as const satisfies readonly (keyof AllOptions)[];

/** Every setting of a run, resolved and valid: what config.json holds. */
export type TrainConfig = Settings<AllOptions>;

/** What a user may give; the rest comes from the preset. */
export type TrainSettings = Partial<TrainConfig>;
