import { z } from 'zod';
import { distinct, folder, maybe, number, option, refuseUseless, whole, type Settings } from '../../base/options.js';

/** What generated faces may be scored by. */
export const selectors = ['discriminator', 'classifier', 'density'] as const;
export type Selector = (typeof selectors)[number];

export const selectDefaults = { candidates: 4, diversity: 0.3 } as const;

/** Options of selecting; all but the first want the first. */
export const selectOptions = {
  select: {
    ...maybe(
      option(
        distinct(z.enum(selectors)).min(1),
        `one or more of ${selectors.join(', ')}, each once`,
        "make more faces and keep the best: by the run's discriminator, by classifiers trained on the real faces, " +
          'by density among the real faces of the class; of several the mean rank',
      ),
    ),
    placeholder: selectors.join(','),
  },
  candidates: maybe(
    number(1, 100, 'times --n: how many faces are made to select from'),
    String(selectDefaults.candidates),
  ),
  perSource: maybe(whole(1, 10_000, 'faces selected of one source at most'), 'as many as are needed'),
  diversity: maybe(
    number(0, 1, 'weight of selected faces being unlike each other, beside being good'),
    String(selectDefaults.diversity),
  ),
  run: maybe(
    { ...folder('run, or its checkpoint, whose discriminator selects'), placeholder: 'run' },
    "the generator's",
  ),
} as const;

export interface SelectSettings {
  /** Keep the best of more faces by these scores. Default: every face that is made. */
  select?: readonly Selector[];
  /** Times `n`: how many are made to select from. Default 4. */
  candidates?: number;
  /** Selected of one source at most. Default: as many as are needed. */
  perSource?: number;
  /** 0: the best alone; 1: those farthest from each other alone. Default 0.3. */
  diversity?: number;
  /** Run, or its checkpoint, whose discriminator selects. Default: the folder of the generator. */
  run?: string;
}

/** @throws UserError for an option that would change nothing */
export function checkSelection(settings: Settings<typeof selectOptions>): void {
  const { select, run, ...others } = settings;
  if (select === null) refuseUseless(others, ['candidates', 'perSource', 'diversity'], 'without --select');
  if (!select?.includes('discriminator')) refuseUseless({ run }, ['run'], 'without --select discriminator');
}

/** How many faces are made. */
export const candidatesOf = ({
  n,
  select,
  candidates = selectDefaults.candidates,
}: SelectSettings & { n: number }): number => (select === undefined ? n : Math.ceil(n * candidates));
