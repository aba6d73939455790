import { expected, UserError } from '../base/errors.js';
import { Philox } from '../base/random.js';
import { membersOfGroups, type FaceSet } from './face-set.js';

export interface FoldOptions {
  /** Parts, at least 2. */
  readonly folds: number;
  readonly seed: number;
  /** Which of several partitions by one seed. Default 0. */
  readonly repeat?: number;
  /** Divide these images alone. Default: all. */
  readonly indices?: ArrayLike<number>;
}

/** Streams of the seed, one a repeat. */
const firstStream = 0xf01d;

/**
 * Divides faces into folds of about the same size and the same share of every class, seeded, equal
 * images always in one fold. Groups of equal images are dealt out, the largest first, each to the
 * fold that has the least of its classes (the criterion of scikit-learn's StratifiedGroupKFold).
 * @returns each fold's images, ascending; together they are all of `indices`, each once
 * @throws UserError for a class of fewer different images than folds
 */
export function stratifiedFolds(
  faces: Pick<FaceSet, 'count' | 'labels' | 'groups' | 'classNames'>,
  { folds, seed, repeat = 0, indices = Int32Array.from({ length: faces.count }, (_, i) => i) }: FoldOptions,
): Int32Array[] {
  if (!(Number.isInteger(folds) && folds >= 2)) throw expected('the number of folds', 'an integer above 1', folds);
  const { labels, classNames } = faces;
  const groups = membersOfGroups(faces, indices);
  const sizes = classNames.map(() => 0);
  const distinct = classNames.map(() => 0);
  for (const group of groups) {
    for (const i of group) sizes[labels[i]!]!++;
    for (const label of new Set(group.map((i) => labels[i]!))) distinct[label]!++;
  }
  const small = distinct.findIndex((count, label) => sizes[label]! > 0 && count < folds);
  if (small >= 0)
    throw new UserError(
      `The class ${classNames[small]!} has ${distinct[small]} different images to divide, expected at least ` +
        `${folds}, one for each fold.`,
    );

  new Philox(seed, firstStream + repeat).shuffle(groups);
  // Stable: among groups of one size the order stays random.
  groups.sort((a, b) => b.length - a.length);
  const held = Array.from({ length: folds }, () => ({ images: [] as number[], counts: classNames.map(() => 0) }));
  for (const group of groups) {
    let best = held[0]!;
    let least = Infinity;
    for (const fold of held) {
      // What this group adds to the sum of the squared shares of its classes, but for a constant.
      let cost = 0;
      for (const i of group) cost += fold.counts[labels[i]!]! / sizes[labels[i]!]! ** 2;
      if (cost < least || (cost === least && fold.images.length < best.images.length)) {
        best = fold;
        least = cost;
      }
    }
    for (const i of group) {
      best.images.push(i);
      best.counts[labels[i]!]!++;
    }
  }
  for (const { counts } of held)
    for (const [label, count] of counts.entries())
      if (count === 0 && sizes[label]! > 0)
        throw new UserError(
          `The class ${classNames[label]!} cannot be in each of ${folds} folds: too many of its ${sizes[label]} images ` +
            'are equal to images of other classes. Take fewer folds.',
        );
  return held.map(({ images }) => Int32Array.from(images).sort());
}

/** The images of `indices` that are in none of the others: a fold's training images. */
export function without(indices: ArrayLike<number>, ...others: readonly ArrayLike<number>[]): Int32Array {
  const left = new Set(others.flatMap((other) => Array.from(other)));
  return Int32Array.from(Array.from(indices).filter((i) => !left.has(i)));
}
