import type { FaceSet } from '../data/faces.js';
import { imagesOfJob } from '../evaluate/job-faces.js';
import type { TaskOf } from './task.js';

/** The images of a `subset` task: all that are not held out, or those that its fold trains on. */
export function imagesOfSubset(
  faces: FaceSet,
  { holdout, seed, fold }: Pick<TaskOf<'subset'>, 'holdout' | 'seed' | 'fold'>,
): Set<number> {
  const split = { holdout, seed, ...(fold ?? { folds: 2, repeat: 0, fold: 0 }) };
  const { train, fold: tested } = imagesOfJob(faces, split);
  return new Set(fold ? train : [...train, ...tested]);
}
