import { z } from 'zod';
import { engines } from '../backend/engine.js';

/** One option of training: what it may be, what an error says was expected, and its line of help. */
interface Option<Schema extends z.ZodType> {
  readonly schema: Schema;
  readonly expects: string;
  readonly help: string;
}

const option = <Schema extends z.ZodType>(schema: Schema, expects: string, help: string): Option<Schema> => ({
  schema,
  expects,
  help,
});

const whole = (from: number, to: number, help: string) =>
  option(z.int().min(from).max(to), `an integer between ${from} and ${to}`, help);
const number = (from: number, to: number, help: string) =>
  option(z.number().min(from).max(to), `a number between ${from} and ${to}`, help);
const choice = <const Names extends readonly [string, ...string[]]>(names: Names, help: string) =>
  option(z.enum(names), `one of ${names.join(', ')}`, help);
const toggle = (help: string) => option(z.boolean(), 'true or false', help);
const text = (expects: string, help: string) => option(z.string().min(1), expects, help);
/** An option that may be left open: null. */
const maybe = <Schema extends z.ZodType>({ schema, expects, help }: Option<Schema>) =>
  option(schema.nullable(), expects, help);

/**
 * Every option of training, in the groups in which `--help` lists them. The flag of `lambdaCycle`
 * is `--lambda-cycle`. "rare" options act on the discriminator of `rareClass` alone.
 */
export const optionGroups = {
  Data: {
    data: text(
      'a file, a folder or the word synthetic',
      'csv or csv.gz of FER2013, folder of class folders, or "synthetic"',
    ),
    ferplus: maybe(text('a file name', 'FER+ votes (fer2013new.csv) beside the data')),
    usage: choice(['training', 'all'], 'of data with a usage column: the training rows alone, or all'),
    skipBad: toggle('skip and count bad rows and files instead of stopping at them'),
    from: text('a class name', 'class to translate from (A)'),
    to: text('a class name', 'class to translate to (B)'),
    size: option(
      z.int().min(16).max(512).multipleOf(4),
      'an integer between 16 and 512 (must be divisible by 4)',
      'side of the images in pixels',
    ),
    channels: option(z.literal([1, 3]), '1 or 3', '1: grey, 3: colour'),
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
    stepsPerEpoch: maybe(whole(1, 10_000_000, 'default: as many as the larger class fills')),
    batchSize: whole(1, 256, 'images of each class a step'),
    learningRate: option(z.number().gt(0).max(1), 'a number above 0, at most 1', 'step size of Adam'),
    beta1: option(z.number().min(0).lt(1), 'a number from 0 to below 1', "Adam's first decay rate"),
    beta2: option(z.number().min(0).lt(1), 'a number from 0 to below 1', "Adam's second decay rate"),
    poolSize: whole(0, 10_000, 'translated images kept for the discriminators; 0: none'),
    flip: toggle('mirror half of the images'),
    seed: whole(0, 0xffffffff, 'the same seed gives the same run'),
  },
  'Remedies against overfitting': {
    rareClass: choice(['to', 'from'], 'which class is rare: its discriminator gets the remedies'),
    labelFlip: number(0, 0.5, 'rare: fraction of real labels that are flipped'),
    instanceNoise: number(0, 2, 'rare: deviation of noise on what the discriminator sees, falling to 0'),
    instanceNoiseEpochs: maybe(whole(1, 1_000_000, 'rare: epochs until the noise is 0; default: all')),
    discriminatorEvery: whole(1, 1000, 'rare: generator updates for each update of the discriminator'),
    warmupEpochs: whole(0, 1_000_000, 'rare: epochs before discriminatorEvery starts'),
  },
  Run: {
    name: maybe(
      option(
        z.string().regex(/^[\w.-]+$/),
        'letters, digits, dots, dashes and underscores',
        "end of the run folder's name; default: the classes",
      ),
    ),
    runs: text('a folder', 'folder that holds the run folders'),
    engine: choice(engines, 'where the arithmetic happens'),
    maxSteps: maybe(whole(1, 1e12, 'stop, with a checkpoint, at this step')),
    maxMinutes: maybe(option(z.number().gt(0), 'a number above 0', 'stop, with a checkpoint, after this long')),
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

/** Options that may change between the sittings of one run: none changes a weight of a given step. */
export const sittingOptions = [
  'maxSteps',
  'maxMinutes',
  'checkpointEvery',
  'keepCheckpoints',
  'sampleEvery',
] as const satisfies readonly (keyof AllOptions)[];

type Shape = { [Name in keyof AllOptions]: AllOptions[Name]['schema'] };

/** The schema of a resolved configuration. */
export const configSchema = z.strictObject(
  Object.fromEntries(Object.entries(options).map(([name, { schema }]) => [name, schema])) as Shape,
);

/** Every setting of a run, resolved and valid: what config.json holds. */
export type TrainConfig = z.infer<typeof configSchema>;

/** What a user may give; the rest comes from the preset. */
export type TrainSettings = Partial<TrainConfig>;

/** `lambdaCycle` as `--lambda-cycle`. */
export const flagOf = (name: string): string => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
