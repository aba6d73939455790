import { selectDefaults, selectOptions } from '../augment/select/options.js';
import { expected, UserError } from '../base/errors.js';
import { checkSettings } from '../base/options.js';
import { resolveFilter, type FilterPreset } from '../filter/options.js';
import { resolveQuality } from '../quality/options.js';
import { validateConfig } from '../train/config.js';
import { laterDefaults } from '../train/options.js';
import { presets } from '../train/presets.js';
import type { Study } from './options.js';

type Settings = Readonly<Record<string, unknown>>;

/** Options that name a file, and the word that names none. */
const fileOptions = { embedding: 'default', features: 'default' } as const;

/** Names of a study's own that an option of the same name would contradict. */
const ownOptions = ['data', 'ferplus', 'usage', 'skipBad', 'channels', 'out', 'preview', 'force'] as const;

/** Files that the options of a study name. */
export function filesOf({ filters, generators, quality }: Study): string[] {
  const all = [
    ...Object.values(filters),
    ...generators.flatMap(({ settings, vary }) => [
      settings,
      ...(vary['features'] ?? []).map((features) => ({ features })),
    ]),
    quality,
  ];
  const files = all.flatMap((settings) =>
    Object.entries(fileOptions).map(([name, word]) => {
      const value = settings?.[name as keyof typeof settings];
      return typeof value === 'string' && value !== word ? value : [];
    }),
  );
  return [...new Set(files.flat())];
}

/** @param storedFile what a file is called within the store */
function withStored(settings: Settings, storedFile: (path: string) => string): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => {
      const word = fileOptions[name as keyof typeof fileOptions] as string | undefined;
      return [name, typeof value === 'string' && word !== undefined && value !== word ? storedFile(value) : value];
    }),
  );
}

const without = (settings: Settings, names: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(Object.entries(settings).filter(([name]) => !names.includes(name)));

function checkOwn(settings: Settings, names: readonly string[], where: string): void {
  const own = names.find((name) => Object.hasOwn(settings, name));
  if (own !== undefined) throw new UserError(`${where}: ${own} is the study's own: name it once, for all of it.`);
}

/** Adds where an error comes from. */
function within<T>(where: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof UserError ? new UserError(`${where}: ${error.message}`) : error;
  }
}

/** Whole settings of a filter, less what is the study's. @throws UserError */
export function filterSettings(
  name: string,
  given: Settings,
  { engine, size, seed, ferplus }: Study,
  storedFile: (path: string) => string,
): Record<string, unknown> {
  const where = `filters.${name}`;
  checkOwn(given, ownOptions, where);
  const { preset, ...settings } = given;
  if (settings['probabilities'] != null) throw expected(`${where}.probabilities`, 'none', settings['probabilities']);
  const whole = within(where, () =>
    resolveFilter({ engine, size, seed, ferplus, ...settings }, preset as FilterPreset | undefined),
  );
  return withStored(without(whole, [...ownOptions, 'probabilities']), storedFile);
}

const ownTraining = ['data', 'ferplus', 'usage', 'skipBad', 'size', 'channels', 'from', 'to', 'runs', 'name'] as const;

/** Whole settings of a generator's training, less where it lies. @throws UserError */
export function trainSettings(
  name: string,
  preset: keyof typeof presets,
  given: Settings,
  study: Study,
  { from, to }: { readonly from: string; readonly to: string },
  storedFile: (path: string) => string,
): Record<string, unknown> {
  const where = `generator ${name}`;
  checkOwn(given, [...ownTraining, 'maxMinutes'], where);
  const { usage, skipBad, size, channels, engine, seed } = study;
  const whole = within(where, () =>
    validateConfig({
      ...{ ...presets[preset], engine, seed },
      ...given,
      ...{ usage, skipBad, size, channels, from, to, ferplus: null },
    }),
  );
  const late = lateOptions.filter((option) => whole[option] === laterDefaults[option]);
  return withStored(without(whole, ['data', 'ferplus', 'runs', 'name', 'maxMinutes', ...late]), storedFile);
}

/** Options that came after tasks: left out where they are off, so that what was done before stays done. */
const lateOptions = ['diffAugment'] as const satisfies (keyof typeof laterDefaults)[];

/** Whole settings of measuring quality, less what is the study's. @throws UserError */
export function qualitySettings(
  given: Settings,
  { engine }: Study,
  storedFile: (path: string) => string,
): Record<string, unknown> {
  const own = ['generated', 'real', 'class', 'usage', 'skipBad', 'channels', 'size', 'seed', 'out', 'force'];
  checkOwn(given, own, 'quality');
  const whole = within('quality', () => resolveQuality({ engine, ...given, generated: '-', real: '-' }));
  return withStored(without(whole, own), storedFile);
}

const noSelection = { select: null, perSource: null, run: null };

/** How faces are chosen, whole. @throws UserError */
export function selectionSettings(name: string, given: Settings): Record<string, unknown> {
  const where = `selections.${name}`;
  checkOwn(given, ['run'], where);
  const whole = within(where, () => checkSettings(selectOptions, { ...noSelection, ...selectDefaults, ...given }));
  if (whole.select === null) throw new UserError(`${where}: select says what faces are chosen by.`);
  return Object.fromEntries(Object.entries(whole).filter(([, value]) => value !== null));
}
