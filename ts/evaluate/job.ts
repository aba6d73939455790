import { createHash } from 'node:crypto';
import { z } from 'zod';
import { engines, precisions } from '../backend/engine.js';
import { contentSchema, treatmentSchema } from './treatment.js';

/** Faces as a job names them: where they lie, and what they are once they are loaded. */
const dataSchema = contentSchema.extend({
  size: z.int(),
  channels: z.literal([1, 3]),
  usage: z.enum(['training', 'all']),
  skipBad: z.boolean(),
  /** Of synthetic faces. */
  seed: z.int(),
});
export type JobData = z.infer<typeof dataSchema>;

/** Which images are trained and tested on. */
const splitSchema = z.object({
  /** Images of every class that no fit trains on, beside its own fold. */
  holdout: z.int().min(0),
  folds: z.int().min(2),
  seed: z.int(),
  repeat: z.int().min(0),
  fold: z.int().min(0),
});
export type JobSplit = z.infer<typeof splitSchema>;

/** How a classifier is fitted, apart from the treatment. */
const classifierSchema = z.object({
  baseWidth: z.int(),
  epochs: z.number(),
  batchSize: z.int(),
  learningRate: z.number(),
  labelSmoothing: z.number(),
  dropout: z.number(),
});

/**
 * One fit of an evaluation, as plain JSON: what it is done to, on which fold of which data. Any
 * process that has the files can run it.
 */
export const jobSchema = z.object({
  /** Goes up when the same job gives other results than before. */
  version: z.literal(1),
  data: dataSchema,
  split: splitSchema,
  treatment: treatmentSchema,
  classifier: classifierSchema,
  engine: z.enum(engines),
  precision: z.enum(precisions),
});
export type Job = z.infer<typeof jobSchema>;

/** What names a job wherever it runs: SHA-256 over all of it but the paths of its files. */
export function jobHash(job: Job): string {
  return contentHash(job);
}

/** SHA-256 of a JSON value: keys in their order, `path` left out. */
export function contentHash(value: unknown): string {
  const canonical = JSON.stringify(value, (key, inner: unknown) => {
    if (key === 'path') return undefined;
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
  return createHash('sha256').update(canonical).digest('hex');
}

const predictionsSchema = z.object({
  /** Of the face set. */
  indices: z.array(z.int()),
  labels: z.array(z.int()),
  /** [images, classes], row by row, to six digits. */
  probabilities: z.array(z.number()),
});
export type TestPredictions = z.infer<typeof predictionsSchema>;

/** What a job gives: enough to compute every figure. */
export const resultSchema = z.object({
  hash: z.string(),
  job: jobSchema,
  classNames: z.array(z.string()),
  /** Images trained on, generated ones left out; of each class. */
  trained: z.array(z.int()),
  /** Generated faces trained on. */
  added: z.int(),
  /** The fold's images. */
  fold: predictionsSchema,
  /** Those held out from every fold; empty where there are none. */
  holdout: predictionsSchema,
  steps: z.int(),
  seconds: z.number(),
});
export type JobResult = z.infer<typeof resultSchema>;
