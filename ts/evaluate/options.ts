import { z } from 'zod';
import { checkPrecision, engineOption, precisions } from '../backend/engine.js';
import { expected } from '../base/errors.js';
import {
  belowOne,
  checkSettings,
  choice,
  distinct,
  faceClass,
  file,
  folder,
  given,
  maybe,
  number,
  option,
  positive,
  refuseUseless,
  toggle,
  unlike,
  whole,
  type Settings,
} from '../base/options.js';
import { dataOptions } from '../data/options.js';
import { verdictDefault, verdictNames } from './figures.js';
import { generated } from './treatment.js';

/** Figures that verdicts are on. */
export const verdictOption = {
  ...option(
    distinct(z.enum(verdictNames)).min(1),
    `one or more of ${verdictNames.join(', ')}, each once`,
    'figures that verdicts are on, of the rare class or means; the fewer, the less they are corrected',
  ),
  placeholder: 'figures',
};

export const evaluateOptionGroups = {
  Data: {
    data: dataOptions.data,
    usage: dataOptions.usage,
    skipBad: dataOptions.skipBad,
    size: option(
      z.int().min(16).max(512).multipleOf(4),
      'a multiple of 4 between 16 and 512',
      'side of the images in pixels',
    ),
    channels: dataOptions.channels,
  },
  'What is compared': {
    arms: maybe(
      {
        ...option(
          z.array(z.string().min(1)).min(1),
          'names of arms, joined by commas',
          'oversampling, class-weights, flips-and-shifts, generated; several on one another joined by +; best+generated',
        ),
        placeholder: 'names',
      },
      'each alone, and best+generated',
    ),
    onnx: maybe(file('generator whose faces the arm "generated" adds'), 'none'),
    faces: maybe(folder('output folder of npm run augment whose faces it adds instead'), 'none'),
    n: whole(1, 1_000_000, 'faces that the generator adds to each training fold'),
    source: maybe(faceClass('class of the faces translated'), 'as the generator was trained'),
    class: maybe(faceClass('the rare class: the one of the generated faces, which verdicts are on'), "the generator's"),
    strict: toggle('train the generator anew on each training fold, as its file says it was trained'),
  },
  'How it is measured': {
    folds: whole(2, 100, 'parts, each tested on once'),
    repeats: whole(1, 100, 'times that the faces are divided anew'),
    holdout: maybe(
      whole(0, 1_000_000, 'faces of every class held out from all folds, for a test of their own'),
      '100, at most a quarter of the rarest class',
    ),
    seed: whole(0, 0xffffffff, 'the same seed gives the same figures'),
    verdictOn: verdictOption,
  },
  Classifier: {
    baseWidth: whole(1, 256, 'channels of the first of six convolutions'),
    epochs: positive('times each image is seen', 10_000),
    batchSize: whole(2, 1024, 'images a step'),
    learningRate: positive("highest step size of Adam's one cycle", 1),
    labelSmoothing: belowOne('part of every target that is spread over all classes'),
    dropout: number(0, 0.9, 'part of the features that a step leaves out'),
  },
  Run: {
    engine: engineOption,
    precision: choice(precisions, 'what large products round their factors to; bfloat16, tf32: native engine only'),
    out: folder('folder of the results; a second run goes on where the first one stopped'),
  },
} as const;

type Groups = typeof evaluateOptionGroups;
type AllOptions = Groups['Data'] &
  Groups['What is compared'] &
  Groups['How it is measured'] &
  Groups['Classifier'] &
  Groups['Run'];

export const evaluateOptions = Object.assign({}, ...Object.values(evaluateOptionGroups)) as AllOptions;

/** Every setting of an evaluation, resolved. */
export type EvaluateConfig = Settings<AllOptions>;

export const evaluateDefaults: EvaluateConfig = {
  data: 'synthetic',
  usage: 'all',
  skipBad: false,
  size: 48,
  channels: 1,
  arms: null,
  onnx: null,
  faces: null,
  n: 100,
  source: null,
  class: null,
  strict: false,
  folds: 10,
  repeats: 3,
  holdout: null,
  seed: 1,
  verdictOn: [...verdictDefault],
  baseWidth: 16,
  epochs: 8,
  batchSize: 64,
  learningRate: 3e-3,
  labelSmoothing: 0,
  dropout: 0.3,
  engine: 'native',
  precision: 'float32',
  out: 'evaluation',
};

/**
 * Settings over the defaults.
 * @throws UserError naming the option, what was expected and what came
 */
export function resolveEvaluate(settings: Readonly<Record<string, unknown>>): EvaluateConfig {
  const config = checkSettings(evaluateOptions, { ...evaluateDefaults, ...given(settings) });
  if (config.onnx !== null && config.faces !== null)
    throw expected('faces (--faces)', 'no folder where a generator (--onnx) makes the faces', config.faces);
  if (config.strict && config.onnx === null)
    throw expected('strict (--strict)', 'false without --onnx, whose file says how to train', config.strict);
  if (config.onnx === null) refuseUseless(unlike(evaluateDefaults, settings), ['n', 'source'], 'without --onnx');
  // Without --class, verdicts are on the class of the faces.
  if (config.class !== null && config.arms !== null && !config.arms.some((arm) => arm.includes(generated)))
    refuseUseless(config, ['onnx', 'faces'], `where no arm of --arms has ${generated} faces`);
  checkPrecision(config.engine, config.precision);
  if (config.folds * config.repeats < 2) throw expected('repeats (--repeats)', 'at least 2 fits', config.repeats);
  return config;
}
