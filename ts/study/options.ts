import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { engines, precisions } from '../backend/engine.js';
import { messageOf, UserError } from '../base/errors.js';
import { distinct } from '../base/options.js';
import { evaluateDefaults, verdictOption } from '../evaluate/options.js';
import { classicalNames } from '../evaluate/treatment.js';
import { presets, type PresetName } from '../train/presets.js';

const name = z.string().regex(/^[\w.-]+$/, 'expected letters, digits, dots, dashes and underscores');
const settings = z.record(z.string(), z.unknown());
const whole = (from: number) => z.int().min(from);

/** One generator, or several that differ in what is varied. */
const generatorSchema = z.strictObject({
  /** `{option}` stands for the option's value: "cyclegan i{lambdaIdentity}". */
  name: z.string().min(1),
  preset: z.enum(Object.keys(presets) as [PresetName, ...PresetName[]]),
  /** Options of training over the preset's. */
  settings: settings.default({}),
  /** Options and their values, every combination of which is a generator. */
  vary: z.record(z.string(), distinct(z.unknown()).min(1)).default({}),
});

const {
  size,
  channels,
  usage,
  skipBad,
  seed,
  folds,
  verdictOn,
  repeats,
  precision,
  baseWidth,
  epochs,
  batchSize,
  learningRate,
  labelSmoothing,
  dropout,
} = evaluateDefaults;

/** A study file: what is varied, and how it is measured. */
export const studySchema = z.strictObject({
  name,
  /** As other commands take them; from the current folder. */
  data: z.string().min(1).default('synthetic'),
  ferplus: z.string().min(1).nullable().default(null),
  usage: z.enum(['training', 'all']).default(usage),
  skipBad: z.boolean().default(skipBad),
  size: whole(16).max(512).multipleOf(4).default(size),
  channels: z.literal([1, 3]).default(channels),
  seed: whole(0).max(0xffffffff).default(seed),
  engine: z.enum(engines).default('native'),
  precision: z.enum(precisions).default(precision),
  /** Filters by name: options of `npm run filter` (and `preset`); null: the data as they are. */
  filters: z.record(name, settings.nullable()).default({ unfiltered: null }),
  /** What is translated to what: `to` is the rare class that verdicts are on. */
  targets: z.array(z.strictObject({ from: z.string().min(1), to: z.string().min(1) })).min(1),
  /** Treatments without a generator. */
  classical: distinct(z.enum(classicalNames as [string, ...string[]])).default([...classicalNames]),
  generators: z.array(generatorSchema).default([]),
  /** Faces that are added to each training fold. */
  added: distinct(whole(1)).min(1).default([100]),
  /** How faces are chosen of those made, by name: options of `npm run augment -- --select`; null: as they come. */
  selections: z.record(name, settings.nullable()).default({ unselected: null }),
  /** What the faces are added on: nothing else, or the best classical treatment. */
  on: distinct(z.enum(['none', 'best']))
    .min(1)
    .default(['none']),
  /** A generator for each fold, which has seen none of its test images. */
  strict: z.boolean().default(false),
  holdout: whole(0).default(100),
  folds: whole(2).max(100).default(folds),
  repeats: whole(1).max(100).default(repeats),
  /** Figures that verdicts are on: of the rare class, or means. */
  verdictOn: verdictOption.schema.default(verdictOn),
  classifier: z
    .strictObject({
      baseWidth: whole(1).default(baseWidth),
      epochs: z.number().gt(0).default(epochs),
      batchSize: whole(2).default(batchSize),
      learningRate: z.number().gt(0).max(1).default(learningRate),
      labelSmoothing: z.number().min(0).lt(1).default(labelSmoothing),
      dropout: z.number().min(0).max(0.9).default(dropout),
    })
    .prefault({}),
  /** Options of `npm run quality`, for the faces of every generator; null: not measured. */
  quality: settings.nullable().default(null),
});
export type Study = z.infer<typeof studySchema>;

/**
 * A study from its JSON.
 * @param where it comes from, for errors
 * @throws UserError naming the place and what was expected
 */
export function readStudy(json: unknown, where: string): Study {
  const { success, data, error } = studySchema.safeParse(json);
  if (!success) {
    const { path, message } = error.issues[0]!;
    throw new UserError(`${where}: ${path.length > 0 ? `${path.join('.')}: ` : ''}${message}.`);
  }
  if (data.on.includes('best') && data.classical.length === 0)
    throw new UserError(`${where}: on: "best" wants classical treatments to choose from.`);
  const made = data.targets.map(({ to }) => to.toLowerCase());
  const twice = made.findIndex((to, i) => made.indexOf(to) < i);
  if (twice >= 0)
    throw new UserError(
      `${where}: targets.${twice}: ${data.targets[twice]!.to} is made already, and cells are named by the class made: ` +
        'leave it out, or make a study of its own of it.',
    );
  return data;
}

/** @throws UserError naming the file */
export async function readStudyFile(file: string): Promise<Study> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new UserError(`Cannot read the study ${file}: ${messageOf(error)}`);
  }
  return readStudy(json, file);
}
