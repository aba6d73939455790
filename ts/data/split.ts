import { expected, UserError } from '../base/errors.js';
import { Philox } from '../base/random.js';
import { countLabels, membersOfGroups, type FaceSet } from './face-set.js';

export interface SplitOptions {
  /** How much to hold out: a fraction of every class, or so many images of every class. */
  holdout: { fraction: number } | { perClass: number };
  seed: number;
  /** Split these images alone. Default: all. */
  indices?: ArrayLike<number>;
}

/** Indices into the face set, ascending. */
export interface Split {
  readonly train: Int32Array;
  readonly holdout: Int32Array;
}

/** Stream of the seed. */
const splitStream = 0x5b117;

/**
 * Splits faces in two, stratified by class, seeded, equal images on one side. A group of equal
 * images is held out when every class that it belongs to still wants that many; where large groups
 * leave no other choice, fewer than wanted are held out, never more.
 * @throws UserError for a class too small for `perClass`, or a fraction outside 0..1
 */
export function splitGroups(
  faces: Pick<FaceSet, 'count' | 'labels' | 'groups' | 'classNames'>,
  { holdout, seed, indices = Int32Array.from({ length: faces.count }, (_, i) => i) }: SplitOptions,
): Split {
  const wanted = wantedPerClass(faces, indices, holdout);
  const held: number[] = [];
  const trained: number[] = [];
  for (const group of new Philox(seed, splitStream).shuffle(membersOfGroups(faces, indices))) {
    const counts = new Map<number, number>();
    for (const i of group) counts.set(faces.labels[i]!, (counts.get(faces.labels[i]!) ?? 0) + 1);
    const fits = [...counts].every(([label, count]) => count <= wanted[label]!);
    if (fits) for (const [label, count] of counts) wanted[label]! -= count;
    (fits ? held : trained).push(...group);
  }
  return { train: Int32Array.from(trained).sort(), holdout: Int32Array.from(held).sort() };
}

function wantedPerClass(
  { labels, classNames }: Pick<FaceSet, 'labels' | 'classNames'>,
  indices: ArrayLike<number>,
  holdout: SplitOptions['holdout'],
): number[] {
  const sizes = countLabels(labels, classNames.length, indices);
  if ('fraction' in holdout) {
    const { fraction } = holdout;
    if (!(fraction > 0 && fraction < 1)) throw expected('the fraction held out', 'a number between 0 and 1', fraction);
    return sizes.map((size) => Math.round(fraction * size));
  }
  const { perClass } = holdout;
  if (!(Number.isInteger(perClass) && perClass > 0))
    throw expected('the images held out of each class', 'an integer above 0', perClass);
  const small = sizes.findIndex((size) => size <= perClass);
  if (small >= 0)
    throw new UserError(
      `The class ${classNames[small]!} has ${sizes[small]} images, expected more than the ${perClass} to hold out.`,
    );
  return sizes.map(() => perClass);
}
