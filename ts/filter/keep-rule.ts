import { UserError } from '../base/errors.js';
import { labelOf } from '../data/faces.js';

/** How many images of a class to keep: all whose score reaches a number, or so many of the highest. */
export interface KeepRule {
  /** The lowest score that is kept. */
  readonly min: number | null;
  /** Of each class, how many; undefined: all. */
  readonly quotas: readonly (number | undefined)[];
}

const part = /^(?:(?<name>[^=]*[^=\s])\s*=\s*)?(?<value>\d+(?:\.\d+)?)$/;

/**
 * Reads how many images of each class to keep: "0.9" (that part of every class), "400" (so many of
 * every class), "Disgust=400, Happy=0.8, 0.9" (of the others 0.9; without it, all of them). Numbers
 * up to 1 are parts.
 * @param sizes images of each class
 * @returns of each class, how many; undefined: all
 * @throws UserError for an unknown class, or what is no such rule
 */
export function readQuotas(
  entries: readonly string[],
  classNames: readonly string[],
  sizes: readonly number[],
  flag: string,
): (number | undefined)[] {
  const named = new Map<number, string>();
  let others: string | undefined;
  for (const entry of entries) {
    const { name, value } = (part.exec(entry.trim())?.groups ?? {}) as { name?: string; value?: string };
    const twice = name === undefined ? others !== undefined : named.has(labelOf(classNames, name));
    if (value === undefined || twice || (Number(value) > 1 && !Number.isInteger(Number(value))))
      throw new UserError(
        `Expected a part (0.9), a number of images (400) or such of classes (Disgust=400,0.9) for ${flag} ` +
          `but received '${entry}'${twice ? ' again' : ''}.`,
      );
    if (name === undefined) others = value;
    else named.set(labelOf(classNames, name), value);
  }
  return sizes.map((size, label) => {
    const value = named.get(label) ?? others;
    if (value === undefined) return undefined;
    return Number(value) > 1 ? Number(value) : Math.round(Number(value) * size);
  });
}

/**
 * Which images a rule keeps. Among equal scores the earlier image wins.
 * @param scores of each image; NaN is never kept
 */
export function keepByScore(
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
  { min, quotas }: KeepRule,
): boolean[] {
  const kept = Array.from(scores, (score) => !Number.isNaN(score) && (min === null || score >= min));
  quotas.forEach((quota, label) => {
    if (quota === undefined) return;
    const members: number[] = [];
    kept.forEach((keep, i) => {
      if (keep && labels[i] === label) members.push(i);
    });
    members.sort((a, b) => scores[b]! - scores[a]! || a - b);
    for (const i of members.slice(quota)) kept[i] = false;
  });
  return kept;
}
