import { z } from 'zod';
import { UserError } from '../base/errors.js';
import { variations } from '../classify/batches.js';

const digest = z.string().regex(/^[0-9a-f]{64}$/);

/** A file or folder: `path` says where it lies on this machine, `digest` what it is. */
export const contentSchema = z.object({ path: z.string().min(1), digest });

/** How many faces are made of which others. */
const translation = {
  n: z.int().min(1),
  /** Class of the faces translated. */
  source: z.string().min(1),
  /** Class that the translations are of. */
  class: z.string().min(1),
  seed: z.int().min(0).max(0xffffffff),
};

/** Generated faces that a fit is given beside its training images. */
export const addedFacesSchema = z.discriminatedUnion('from', [
  /** Made by a generator, from sources among the training images. */
  z.object({ from: z.literal('generator'), onnx: contentSchema, ...translation }),
  /** Made by a generator that is trained on the training images first. */
  z.object({
    from: z.literal('training'),
    /** Of a run; `data` and `runs` count for nothing. */
    config: z.record(z.string(), z.unknown()),
    direction: z.enum(['ab', 'ba']),
    ...translation,
  }),
  /** Of an output folder of augment: those whose sources are among the training images. */
  z.object({ from: z.literal('folder'), folder: contentSchema }),
]);
export type AddedFaces = z.infer<typeof addedFacesSchema>;

/** What is done to a fit; all of it may be combined. */
export const treatmentSchema = z.object({
  sampling: z.enum(['natural', 'balanced']),
  classWeights: z.enum(['none', 'balanced']),
  variation: z.enum(variations),
  faces: addedFacesSchema.nullable(),
});
export type Treatment = z.infer<typeof treatmentSchema>;

/** A treatment by its name. */
export interface Arm {
  readonly name: string;
  readonly treatment: Treatment;
}

export const baselineName = 'baseline';
const untreated: Treatment = { sampling: 'natural', classWeights: 'none', variation: 'none', faces: null };

/** What each word of an arm's name does to a treatment. */
const classical: Readonly<Record<string, Partial<Treatment>>> = {
  oversampling: { sampling: 'balanced' },
  'class-weights': { classWeights: 'balanced' },
  'flips-and-shifts': { variation: 'flips-and-shifts' },
};
export const classicalNames: readonly string[] = Object.keys(classical);

/** Faces of the generator or the folder that is named. */
/** The arm of generated faces. */
export const generated = 'generated';
/** Stands for the classical treatment that turns out best. */
const best = 'best';

/** An arm as it is asked for: `best` is known only when the others are done. */
export interface ArmPlan {
  readonly name: string;
  /** Whether it stands on the best classical arm. */
  readonly onBest: boolean;
  readonly treatment: Treatment;
}

/**
 * Reads names of arms: words joined by `+`, e.g. "oversampling", "flips-and-shifts+generated",
 * "best+generated". The baseline comes first, named or not.
 * @param names left empty: every classical treatment, and with faces "generated" and "best+generated"
 * @param faces what "generated" adds, where there is any
 * @throws UserError for a word that is unknown, or "generated" without faces
 */
export function planArms(names: readonly string[] | null, faces: AddedFaces | null): ArmPlan[] {
  const wanted = names ?? [...classicalNames, ...(faces ? [generated, `${best}+${generated}`] : [])];
  const plans = [...new Set([baselineName, ...wanted])].map((name): ArmPlan => {
    const words = name === baselineName ? [] : name.split('+');
    let treatment = untreated;
    const twice = words.find((word, i) => words.indexOf(word) < i);
    if (twice !== undefined) throw new UserError(`The arm ${name} has ${twice} twice: name it once.`);
    for (const word of words) {
      if (word === generated && !faces)
        throw new UserError(
          `The arm ${name} wants generated faces: name a generator with --onnx, or a folder with --faces.`,
        );
      if (word !== best && word !== generated && !Object.hasOwn(classical, word))
        throw new UserError(
          `Unknown arm '${name}'. Arms are ${[baselineName, ...classicalNames, generated].join(', ')}, ` +
            `several of them joined by +, and ${best}+${generated}.`,
        );
      treatment = { ...treatment, ...(word === generated ? { faces } : classical[word]) };
    }
    if (words.includes(best) && name !== `${best}+${generated}`)
      throw new UserError(
        `The arm ${name} cannot be: '${best}' is a classical treatment, for ${best}+${generated} alone.`,
      );
    if (treatment.sampling === 'balanced' && treatment.classWeights === 'balanced')
      throw new UserError(`The arm ${name} makes up for rare classes twice: take oversampling or class-weights.`);
    return { name, onBest: words.includes(best), treatment };
  });
  if (plans.some(({ onBest }) => onBest) && !plans.some(isClassical))
    throw new UserError(
      `The arm ${best}+${generated} wants classical ones to choose from: ${classicalNames.join(', ')}.`,
    );
  return plans;
}

/** Whether an arm is one that `best` is chosen from. */
export const isClassical = ({ name, onBest, treatment }: ArmPlan): boolean =>
  name !== baselineName && !onBest && treatment.faces === null;

/** A planned arm on top of another treatment. */
export function onTopOf(under: Treatment, { name, treatment }: ArmPlan): Arm {
  const changes = Object.entries(treatment).filter(([key, value]) => value !== untreated[key as keyof Treatment]);
  return { name, treatment: { ...under, ...(Object.fromEntries(changes) as Partial<Treatment>) } };
}
