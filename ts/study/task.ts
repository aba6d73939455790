import { z } from 'zod';
import { engines, precisions } from '../backend/engine.js';
import { contentHash, jobSchema } from '../evaluate/job.js';
import { treatmentSchema } from '../evaluate/treatment.js';

const id = z.string().regex(/^[0-9a-f]{64}$/);
const settings = z.record(z.string(), z.unknown());
const evaluateJob = jobSchema.shape;

/** A file or folder of the user's, kept in the store under the digest of its content. */
export const rootSchema = z.object({ digest: id, name: z.string().min(1) });
export type Root = z.infer<typeof rootSchema>;

/** How faces are read. */
const imagesSchema = evaluateJob.data.omit({ path: true, digest: true });
export type Images = z.infer<typeof imagesSchema>;

const plainTreatment = treatmentSchema.omit({ faces: true });
export type PlainTreatment = z.infer<typeof plainTreatment>;

const kinds = [
  /** Faces, filtered where `filter` says how. */
  z.object({
    kind: z.literal('data'),
    source: z.union([z.literal('synthetic'), rootSchema]),
    ferplus: rootSchema.nullable(),
    images: imagesSchema,
    filter: settings.nullable(),
  }),
  /** Those that are not held out; of them those that a fold trains on, where there is one. */
  z.object({
    kind: z.literal('subset'),
    data: id,
    holdout: z.int(),
    seed: z.int(),
    fold: z.object({ folds: z.int(), repeat: z.int(), fold: z.int() }).nullable(),
  }),
  /** A pair of generators. */
  z.object({ kind: z.literal('train'), data: id, config: settings }),
  /** Faces made by one; of drawn faces where there is no `data`. */
  z.object({
    kind: z.literal('generate'),
    generator: id,
    data: id.nullable(),
    /** Rows that are translated: of those that a generator may see, all. */
    usage: z.literal('all'),
    n: z.int().min(1),
    source: z.string(),
    class: z.string(),
    seed: z.int(),
    select: settings.nullable(),
  }),
  /** How good they are. */
  z.object({ kind: z.literal('quality'), faces: id, data: id, settings }),
  /** The classical treatment with the highest mean F1. */
  z.object({
    kind: z.literal('best'),
    arms: z.array(z.object({ name: z.string(), treatment: plainTreatment, fits: z.array(id) })),
  }),
  /** A classifier, fitted and tested on one fold. */
  z.object({
    kind: z.literal('fit'),
    data: id,
    split: evaluateJob.split,
    treatment: plainTreatment,
    /** A `best` task whose treatment it has instead. */
    on: id.nullable(),
    /** A `generate` task whose faces it is given. */
    faces: id.nullable(),
    classifier: evaluateJob.classifier,
    engine: z.enum(engines),
    precision: z.enum(precisions),
  }),
] as const;

/** A piece of a study as plain JSON: any process that has the store can do it. */
export const taskSchema = z.discriminatedUnion('kind', kinds);
export type Task = z.infer<typeof taskSchema>;
export type TaskKind = Task['kind'];
export type TaskOf<Kind extends TaskKind> = Extract<Task, { kind: Kind }>;

/** Goes up when the same task gives another result than before. */
const version = 1;

/**
 * What names a task and its result: SHA-256 over all of it. It holds the content of the user's files as
 * digests, and the ids of the tasks that it depends on, so it names their whole history.
 */
export const taskId = (task: Task): string => contentHash({ version, ...task });

/** Ids of the tasks whose results a task reads. */
export function dependenciesOf(task: Task): string[] {
  const all = {
    data: () => [],
    subset: ({ data }: TaskOf<'subset'>) => [data],
    train: ({ data }: TaskOf<'train'>) => [data],
    generate: ({ generator, data }: TaskOf<'generate'>) => [generator, data],
    quality: ({ faces, data }: TaskOf<'quality'>) => [faces, data],
    best: ({ arms }: TaskOf<'best'>) => arms.flatMap(({ fits }) => fits),
    fit: ({ data, on, faces }: TaskOf<'fit'>) => [data, on, faces],
  } as const;
  return (all[task.kind] as (task: Task) => (string | null)[])(task).filter((other) => other !== null);
}
