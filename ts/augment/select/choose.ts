import type { Embeddings } from '../../embed/embedder.js';
import { squaredDistance } from '../../embed/neighbours.js';

export interface ChooseOptions {
  /** How many to choose. */
  readonly n: number;
  /** At most so many of one source; null: any number. */
  readonly perSource: number | null;
  /** 0: the best alone; 1: those farthest from each other alone. */
  readonly diversity: number;
}

/**
 * Chooses candidates one after the other: each time the one with the highest
 * (1 - diversity) quality + diversity spread, where spread is the distance to the nearest chosen one as
 * a part of the largest there was (farthest-point sampling, Gonzalez 1985), and no source comes more
 * often than allowed. Of equal ones the earlier wins.
 * @param quality of each candidate, 0..1
 * @param sources what each was made from; equal numbers are one source
 * @param embeddings of the candidates; left out where diversity is 0
 * @returns n candidates, in the order chosen; fewer where sources do not suffice
 */
export function chooseCandidates(
  quality: ArrayLike<number>,
  sources: ArrayLike<number>,
  embeddings: Embeddings | undefined,
  { n, perSource, diversity }: ChooseOptions,
): number[] {
  const total = quality.length;
  const chosen: number[] = [];
  const taken = new Uint8Array(total);
  const uses = new Map<number, number>();
  // Squared, to the nearest chosen one.
  const spread = new Float64Array(total).fill(Infinity);
  while (chosen.length < n) {
    const farthest = Math.sqrt(
      spread.reduce((most, value, i) => (taken[i] || value === Infinity ? most : Math.max(most, value)), 0),
    );
    let best = -1;
    let highest = -Infinity;
    for (let i = 0; i < total; i++) {
      if (taken[i] || (perSource !== null && (uses.get(sources[i]!) ?? 0) >= perSource)) continue;
      const far = spread[i] === Infinity ? 1 : farthest > 0 ? Math.sqrt(spread[i]!) / farthest : 0;
      const value = (1 - diversity) * quality[i]! + diversity * far;
      if (value > highest) [best, highest] = [i, value];
    }
    if (best < 0) break;
    chosen.push(best);
    taken[best] = 1;
    uses.set(sources[best]!, (uses.get(sources[best]!) ?? 0) + 1);
    if (embeddings) approach(spread, embeddings, best);
  }
  return chosen;
}

/** Shortens distances to the nearest chosen one by one more that is chosen. */
function approach(spread: Float64Array, { values, dimensions: d }: Embeddings, best: number): void {
  for (let i = 0; i < spread.length; i++)
    spread[i] = Math.min(spread[i]!, squaredDistance(values, i * d, values, best * d, d, spread[i]));
}

/**
 * Each score as its rank among all, 0 for the lowest and 1 for the highest, equal ones the same: scores
 * of any unit and spread can then be averaged.
 */
export function ranksOf(scores: ArrayLike<number>): Float64Array {
  const n = scores.length;
  const order = Array.from({ length: n }, (_, i) => i).sort((a, b) => scores[a]! - scores[b]!);
  const ranks = new Float64Array(n);
  for (let start = 0; start < n;) {
    let end = start;
    while (end + 1 < n && scores[order[end + 1]!] === scores[order[start]!]) end++;
    for (let at = start; at <= end; at++) ranks[order[at]!] = n > 1 ? (start + end) / 2 / (n - 1) : 1;
    start = end + 1;
  }
  return ranks;
}
