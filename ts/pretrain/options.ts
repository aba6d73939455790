import { z } from 'zod';
import { engineOption } from '../backend/engine.js';
import { expected } from '../base/errors.js';
import {
  belowOne,
  checkSettings,
  choice,
  file,
  fileOfKind,
  given,
  maybe,
  number,
  option,
  positive,
  toggle,
  whole,
  type Settings,
} from '../base/options.js';
import { dataOptions } from '../data/options.js';

/** Every option of pretraining. */
export const pretrainOptions = {
  data: dataOptions.data,
  ferplus: maybe(file('FER+ votes (fer2013new.csv) beside a csv: soft labels')),
  skipBad: dataOptions.skipBad,
  holdout: maybe(
    option(z.number().gt(0).lt(1), 'a number between 0 and 1', 'fraction held out to measure on'),
    "the data's PublicTest rows, or 0.1 where it has none",
  ),
  size: option(
    z.int().min(16).max(512).multipleOf(2),
    'an even integer between 16 and 512',
    'side of the images in pixels',
  ),
  channels: dataOptions.channels,
  width: positive("times VGG19's channels", 4),
  epochs: positive('times each image is seen', 10_000),
  smallFraction: number(0, 1, 'first part of the steps, done at half the size, in a quarter of the time'),
  batchSize: whole(2, 1024, 'images a step'),
  learningRate: positive("highest step size of Adam's one cycle", 1),
  labelSmoothing: belowOne('part of every target that is spread over all classes'),
  seed: whole(0, 0xffffffff, 'the same seed gives the same network'),
  engine: engineOption,
  precision: choice(['float16', 'float32'], 'numbers in the file'),
  out: maybe(
    fileOfKind('.safetensors', 'file to write, its model card (.md) beside it'),
    'faces-vgg19-w50.safetensors for the width 0.5',
  ),
  force: toggle('replace earlier files'),
} as const;

/** Every setting of a pretraining, resolved. */
export type PretrainConfig = Settings<typeof pretrainOptions>;

export const pretrainDefaults: PretrainConfig = {
  data: 'synthetic',
  ferplus: null,
  skipBad: false,
  holdout: null,
  size: 48,
  channels: 1,
  width: 0.5,
  epochs: 4,
  smallFraction: 0.6,
  batchSize: 64,
  learningRate: 2e-3,
  labelSmoothing: 0.05,
  seed: 1,
  engine: 'native',
  precision: 'float16',
  out: null,
  force: false,
};

/** VGG19 halves its images four times. */
const smallestSize = 16;

/**
 * Settings over the defaults.
 * @throws UserError naming the option, what was expected and what came
 */
export function resolvePretrain(settings: Readonly<Record<string, unknown>>): PretrainConfig {
  const config = checkSettings(pretrainOptions, { ...pretrainDefaults, ...given(settings) });
  if (config.smallFraction > 0 && config.size < 2 * smallestSize)
    throw expected(
      'smallFraction (--small-fraction)',
      `0 for images of ${config.size} pixels (half of them is below ${smallestSize})`,
      config.smallFraction,
    );
  return config;
}
