import { z } from 'zod';
import { UserError } from '../base/errors.js';
import {
  checkSettings,
  file,
  folder,
  given,
  maybe,
  option,
  text,
  toggle,
  whole,
  type Options,
  type Settings,
} from '../base/options.js';
import { dataOptions } from '../data/options.js';
import { connectionOf } from './queue.js';

const patterns = (help: string) => ({
  ...maybe(option(z.array(z.string().min(1)).min(1), 'patterns, joined by commas', help)),
  placeholder: 'patterns',
});

/** Options of the command; `null`: as the study file says. */
export const studyOptions = {
  config: file('the study: what is varied, and how it is measured'),
  data: maybe(dataOptions.data, "the study's"),
  ferplus: maybe(dataOptions.ferplus, "the study's"),
  only: patterns(
    'do only cells whose name has one of these in it; names are <filter>/<class made>/<arm>, * is anything',
  ),
  skip: patterns('leave out cells whose name has one of these in it'),
  folds: maybe(whole(2, 100, 'parts, each tested on once'), "the study's"),
  repeats: maybe(whole(1, 100, 'times that the faces are divided anew'), "the study's"),
  plan: toggle(
    'say what would be done, and do nothing; how long training and fitting take, from steps that it times, and all else ' +
      '(filtering, making and measuring faces) only once some of it is done',
  ),
  out: maybe(folder('folder of results, the report and all that is kept to go on from'), 'study/<name>'),
  workers: whole(1, 64, 'processes on this machine; one uses every core, several take their part each and more memory'),
  queue: maybe(
    text('redis://host:port', 'put the tasks on a queue (BullMQ on a Redis server) for npm run worker'),
    'work on this machine',
  ),
  realFaces: toggle('show real faces and what was made of them in the report; else drawn faces stand for them'),
} as const satisfies Options;

export type StudyConfig = Settings<typeof studyOptions>;

export const studyDefaults = {
  data: null,
  ferplus: null,
  only: null,
  skip: null,
  folds: null,
  repeats: null,
  plan: false,
  out: null,
  workers: 1,
  queue: null,
  realFaces: true,
} as const satisfies Partial<StudyConfig>;

/** @throws UserError naming the option, what was expected and what came */
export function resolveStudy(settings: Readonly<Record<string, unknown>>): StudyConfig {
  const config = checkSettings(studyOptions, { ...studyDefaults, ...given(settings) });
  // Its form; whether it can be reached, opening the queue tells.
  if (config.queue !== null) connectionOf(config.queue);
  if (config.queue !== null && config.workers !== 1)
    throw new UserError('With --queue, workers are started by npm run worker: leave --workers out.');
  return config;
}

const shownCells = 3;

/** @throws UserError for a pattern that none of the cells has in its name */
export function checkPatterns({ only, skip }: Pick<StudyConfig, 'only' | 'skip'>, cells: readonly string[]): void {
  for (const [flag, patterns] of Object.entries({ '--only': only, '--skip': skip }))
    for (const pattern of patterns ?? []) {
      if (cells.some((cell) => matches(cell, [pattern]))) continue;
      const more = cells.length > shownCells ? ` (all ${cells.length}: --plan)` : '';
      throw new UserError(
        `No cell has '${pattern}' (${flag}) in its name. Cells are ${cells.slice(-shownCells).join(', ')}${more}.`,
      );
    }
}

/** Whether a cell's name has one of some patterns in it; case does not matter. */
export function matches(name: string, wanted: readonly string[]): boolean {
  return wanted.some((pattern) => {
    const parts = pattern.split('*').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
    return new RegExp(parts.join('.*'), 'i').test(name);
  });
}
