import { UserError } from '../base/errors.js';
import { countLabels, digestOfFaces, loadFaces, type FaceSet } from '../data/faces.js';
import { stratifiedFolds, without } from '../data/folds.js';
import { splitGroups } from '../data/split.js';
import type { JobData, JobSplit } from './job.js';

/** The faces that the last job used: most jobs of a process use the same. */
let loaded: { readonly digest: string; readonly faces: Promise<FaceSet> } | undefined;

/** Lets jobs of these faces go without reading them anew. @param digest of {@link digestOfFaces} */
export function keepFaces(digest: string, faces: FaceSet): void {
  loaded = { digest, faces: Promise.resolve(faces) };
}

/**
 * The faces of a job.
 * @throws UserError where they are not what they were when the job was made
 */
export async function facesOfJob(data: JobData): Promise<FaceSet> {
  if (loaded?.digest !== data.digest) loaded = { digest: data.digest, faces: loadJobFaces(data) };
  try {
    return await loaded.faces;
  } catch (error) {
    loaded = undefined;
    throw error;
  }
}

async function loadJobFaces({ path, digest, ...options }: JobData): Promise<FaceSet> {
  const faces = await loadFaces({ ...options, data: path });
  if (digestOfFaces(faces) === digest) return faces;
  throw new UserError(`The faces of ${path} are not those that the evaluation was begun with. Restore them.`);
}

/** Indices into the face set, ascending; no image of one list equals one of another. */
export interface JobImages {
  readonly train: Int32Array;
  readonly fold: Int32Array;
  readonly holdout: Int32Array;
}

/**
 * The images of one fit.
 * @throws UserError for classes too small for the folds or for what is held out
 */
export function imagesOfJob(faces: FaceSet, { holdout: perClass, folds, seed, repeat, fold }: JobSplit): JobImages {
  const all = Int32Array.from({ length: faces.count }, (_, i) => i);
  const { train: rest, holdout } =
    perClass > 0 ? splitGroups(faces, { holdout: { perClass }, seed }) : { train: all, holdout: new Int32Array() };
  if (perClass > 0) checkHeldOut(faces, holdout, perClass);
  const own = stratifiedFolds(faces, { folds, seed, repeat, indices: rest })[fold]!;
  return { train: without(rest, own), fold: own, holdout };
}

/** @throws UserError for a class that nothing could be held out of: there would be no figures of it */
function checkHeldOut({ labels, classNames }: FaceSet, holdout: Int32Array, perClass: number): void {
  const counts = countLabels(labels, classNames.length, holdout);
  const none = counts.indexOf(0);
  if (none >= 0)
    throw new UserError(
      `No image of ${classNames[none]!} can be held out: each equals more others than the ${perClass} to hold out of a ` +
        'class (--holdout). Hold out more, or none.',
    );
}
