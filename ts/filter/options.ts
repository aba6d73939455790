import { z } from 'zod';
import { engineOption } from '../backend/engine.js';
import {
  checkSettings,
  choice,
  file,
  folder,
  given,
  maybe,
  number,
  option,
  refuseUseless,
  toggle,
  unlike,
  whole,
  type Options,
  type Settings,
} from '../base/options.js';
import { UserError } from '../base/errors.js';
import { fitDefaults, fitOptions } from '../classify/fit.js';
import { ferClasses } from '../data/classes.js';
import { dataOptions } from '../data/options.js';
import { embeddingDefaults, embeddingOptions } from '../embed/options.js';
import { noiseMethods } from './confident-learning.js';

const keep = (of: string) => ({
  ...maybe(
    option(
      z.array(z.string().min(1)).min(1),
      'parts or numbers of images',
      `keep so many of each class, by ${of}: 0.9, or 400, or Disgust=400,Happy=0.8,0.9`,
    ),
  ),
  placeholder: 'quota',
});

/** What faces are judged by. Each is used where one of its options is given. */
export const criterionOptions = {
  confidenceMin: maybe(
    number(0, 1, "drop faces to whose own label a classifier that wasn't trained on them gives less than this"),
  ),
  confidenceKeep: keep('that probability'),
  labelNoise: maybe(
    choice(
      noiseMethods,
      'drop labels that confident learning holds for wrong: pruned by class, by noise rate, or both',
    ),
  ),
  likelihoodMin: maybe(
    option(z.number(), 'a number', "drop faces whose embedding's log-likelihood in their class is below this, in nats"),
  ),
  likelihoodKeep: keep('that log-likelihood'),
  overallLikelihoodMin: maybe(option(z.number(), 'a number', 'the same, in the distribution of all faces')),
  overallLikelihoodKeep: keep('log-likelihood among all faces'),
  agreementMin: maybe(number(0, 1, 'drop faces whose own label a smaller part of the FER+ voters chose (--ferplus)')),
  agreementKeep: keep('that part of the voters'),
} as const satisfies Options;

export const filterOptions = {
  ...dataOptions,
  size: whole(16, 512, 'side in pixels at which the networks see the faces; what is written keeps its own'),
  ...criterionOptions,
  combine: choice(['all', 'most', 'any'], 'a face stays that passes all filters, more than half, or any'),
  probabilities: maybe({
    ...file('csv with columns p_<class>, row for row, instead of training classifiers: an earlier scores.csv'),
  }),
  ...fitOptions,
  ...embeddingOptions,
  seed: whole(0, 0xffffffff, 'the same seed gives the same scores'),
  engine: engineOption,
  out: maybe(folder('output folder'), 'filtered/<time>'),
  preview: toggle('write the contact sheet and the scores, but no data'),
  force: toggle('replace an earlier output folder that holds nothing else'),
} as const satisfies Options;

export type FilterConfig = Settings<typeof filterOptions>;

const noCriteria = Object.fromEntries(Object.keys(criterionOptions).map((name) => [name, null])) as {
  [Name in keyof typeof criterionOptions]: null;
};

export const filterDefaults: FilterConfig = {
  data: 'synthetic',
  ferplus: null,
  usage: 'all',
  skipBad: false,
  channels: 1,
  size: 48,
  ...noCriteria,
  combine: 'all',
  probabilities: null,
  folds: 5,
  ...fitDefaults,
  ...embeddingDefaults,
  seed: 1,
  engine: 'native',
  out: null,
  preview: false,
  force: false,
};

/**
 * FER2013's 35,887 faces, and what the write-up's filter left of them: 28,941, of which Disgust 421
 * and Happy 7,967. It does not say how the others fell, so the same part of each (78.0 %) is taken.
 */
const writeUp: Readonly<Record<(typeof ferClasses)[number], readonly [kept: number, of: number]>> = {
  Angry: [3863, 4953],
  Disgust: [421, 547],
  Fear: [3994, 5121],
  Happy: [7967, 8989],
  Sad: [4740, 6077],
  Surprise: [3122, 4002],
  Neutral: [4834, 6198],
};

export const filterPresets = {
  'write-up': { confidenceKeep: ferClasses.map((name) => `${name}=${writeUp[name][0] / writeUp[name][1]}`) },
} as const satisfies Record<string, Partial<FilterConfig>>;
export type FilterPreset = keyof typeof filterPresets;

/**
 * Settings over a preset over the defaults.
 * @throws UserError naming the option, what was expected and what came; for no filter at all; for votes that are missing
 */
export function resolveFilter(settings: Readonly<Record<string, unknown>>, preset?: FilterPreset): FilterConfig {
  const config = checkSettings(filterOptions, {
    ...filterDefaults,
    ...(preset && filterPresets[preset]),
    ...given(settings),
  });
  if (Object.keys(criterionOptions).every((name) => config[name as keyof FilterConfig] === null))
    throw new UserError(
      'No filter is asked for: give one or more of --confidence-min, --confidence-keep, --label-noise, ' +
        '--likelihood-keep, --agreement-min and so on, or --preset write-up. See --help.',
    );
  const byVotes = config.agreementMin !== null || config.agreementKeep !== null;
  if (byVotes && config.ferplus === null)
    throw new UserError('--agreement-min and --agreement-keep want FER+ votes: name them with --ferplus.');
  checkUseful(config, unlike(filterDefaults, settings));
  return config;
}

/** @throws UserError for a setting that the others make useless */
function checkUseful(config: FilterConfig, named: Readonly<Record<string, unknown>>): void {
  const { confidenceMin, confidenceKeep, labelNoise, probabilities } = config;
  const fitting = Object.keys(fitOptions);
  if (confidenceMin === null && confidenceKeep === null && labelNoise === null)
    refuseUseless(named, ['probabilities', ...fitting], 'without --confidence-min, --confidence-keep or --label-noise');
  if (probabilities !== null) refuseUseless(named, fitting, 'with --probabilities, which classifiers gave before');
  const { likelihoodMin, likelihoodKeep, overallLikelihoodMin, overallLikelihoodKeep } = config;
  if ([likelihoodMin, likelihoodKeep, overallLikelihoodMin, overallLikelihoodKeep].every((value) => value === null))
    refuseUseless(named, Object.keys(embeddingOptions), 'without --likelihood-min, --likelihood-keep or the like');
}
