import { fitDefaults, fitOptions } from '../classify/fit.js';
import { engineOption } from '../backend/engine.js';
import {
  checkSettings,
  faceClass,
  fileOfKind,
  given,
  maybe,
  text,
  toggle,
  whole,
  type Options,
  type Settings,
} from '../base/options.js';
import { dataOptions } from '../data/options.js';
import { embeddingDefaults, embeddingOptions } from '../embed/options.js';

export const qualityOptions = {
  generated: {
    ...text('a folder or a file', 'faces made: a folder of npm run augment, or any data that --real takes'),
    placeholder: 'folder',
  },
  real: { ...dataOptions.data, help: `real faces, those that were translated among them: ${dataOptions.data.help}` },
  class: maybe(faceClass('class of the generated faces to look at'), 'every class that they have'),
  usage: dataOptions.usage,
  skipBad: dataOptions.skipBad,
  channels: dataOptions.channels,
  size: whole(16, 512, 'side at which faces are compared, in pixels'),
  ...embeddingOptions,
  neighbours: whole(1, 100, "neighbours that make up a face's surroundings (precision, recall, density, coverage)"),
  classifiers: toggle('judge the expression by classifiers trained on real faces, and on the generated ones'),
  ...fitOptions,
  seed: whole(0, 0xffffffff, 'the same seed gives the same figures'),
  engine: engineOption,
  out: maybe(fileOfKind('.json', 'file to write the figures to as well; an earlier one is replaced'), 'none'),
  force: toggle('replace any file there'),
} as const satisfies Options;

export type QualityConfig = Settings<typeof qualityOptions>;

export const qualityDefaults = {
  class: null,
  usage: 'training',
  skipBad: false,
  channels: 1,
  size: 48,
  ...embeddingDefaults,
  neighbours: 5,
  classifiers: true,
  folds: 2,
  ...fitDefaults,
  seed: 1,
  engine: 'native',
  out: null,
  force: false,
} as const satisfies Partial<QualityConfig>;

/** @throws UserError naming the option, what was expected and what came */
export function resolveQuality(settings: Readonly<Record<string, unknown>>): QualityConfig {
  return checkSettings(qualityOptions, { ...qualityDefaults, ...given(settings) });
}
