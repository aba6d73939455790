import { setImmediate } from 'node:timers/promises';
import type { Embeddings } from './embedder.js';

/** Of each query its nearest targets, the nearest first. */
export interface Neighbours {
  readonly k: number;
  /** [queries, k]: which targets; -1 where there are fewer. */
  readonly indices: Int32Array;
  /** [queries, k]: Euclidean distances; infinite where there are fewer. */
  readonly distances: Float64Array;
}

/** Numbers of a vector between two looks at whether it is too far already. */
const stride = 64;
/** Queries between two turns of the event loop. */
const turn = 64;

/**
 * The k nearest targets of each query, exactly.
 * @param skip pairs that do not count, e.g. a vector and itself
 * @throws Error for vectors of different lengths; the signal's reason
 */
export async function nearest(
  queries: Embeddings,
  targets: Embeddings,
  k: number,
  {
    skip = () => false,
    signal,
    onProgress,
  }: {
    skip?: (query: number, target: number) => boolean;
    signal?: AbortSignal;
    onProgress?: (queries: number) => void;
  } = {},
): Promise<Neighbours> {
  const d = checkLengths(queries, targets);
  const indices = new Int32Array(queries.count * k).fill(-1);
  const distances = new Float64Array(queries.count * k).fill(Infinity);
  for (let q = 0; q < queries.count; q++) {
    const first = q * k;
    const last = first + k - 1;
    for (let t = 0; t < targets.count; t++) {
      const bound = distances[last]!;
      if (skip(q, t)) continue;
      const distance = squaredDistance(queries.values, q * d, targets.values, t * d, d, bound);
      if (distance >= bound) continue;
      let at = last;
      for (; at > first && distances[at - 1]! > distance; at--) {
        distances[at] = distances[at - 1]!;
        indices[at] = indices[at - 1]!;
      }
      distances[at] = distance;
      indices[at] = t;
    }
    if (q % turn === turn - 1 || q === queries.count - 1) {
      onProgress?.(q + 1);
      await setImmediate();
      signal?.throwIfAborted();
    }
  }
  return { k, indices, distances: distances.map(Math.sqrt) };
}

/** The squared distance, or some number above `bound` where it is more than that. */
export function squaredDistance(
  a: Float32Array,
  fromA: number,
  b: Float32Array,
  fromB: number,
  d: number,
  bound = Infinity,
): number {
  let sum = 0;
  for (let start = 0; start < d && sum <= bound; start += stride) {
    const end = Math.min(start + stride, d);
    for (let i = start; i < end; i++) {
      const difference = a[fromA + i]! - b[fromB + i]!;
      sum += difference * difference;
    }
  }
  return sum;
}

/** @returns the length that vectors of both sets have @throws Error where they differ */
export function checkLengths(a: Embeddings, b: Embeddings): number {
  if (a.dimensions !== b.dimensions)
    throw new Error(`vectors of ${a.dimensions} numbers cannot be compared with vectors of ${b.dimensions}`);
  return a.dimensions;
}

/** Some vectors as a set of their own. */
export function selectVectors({ values, dimensions }: Embeddings, indices: ArrayLike<number>): Embeddings {
  const some = new Float32Array(indices.length * dimensions);
  for (let n = 0; n < indices.length; n++)
    some.set(values.subarray(indices[n]! * dimensions, (indices[n]! + 1) * dimensions), n * dimensions);
  return { count: indices.length, dimensions, values: some };
}
