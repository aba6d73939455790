import type { FaceSet } from '../data/faces.js';
import type { Embeddings } from '../embed/embedder.js';
import { nearest, selectVectors } from '../embed/neighbours.js';
import { evenly } from './sets.js';

/** How near generated faces are to real ones. */
export interface CopyFigures {
  /** Median distance of a generated face to the nearest real one. */
  readonly median: number;
  /** The same of real faces to the nearest other. */
  readonly medianOfReal: number;
  /** Below this distance lie 1 % of the real faces to their nearest other: a face so near to a real one is a near copy. */
  readonly threshold: number;
  /** Part of the generated faces that are near copies of a real one. */
  readonly nearCopies: number;
  /** Part of the near copies that are so of the face that they were made from; undefined where that is not known. */
  readonly ofSource: number | undefined;
}

/** Real faces whose nearest others say how near real faces are. */
const sample = 500;
const nearPart = 0.01;

/**
 * Looks for generated faces that are as good as copies of real ones.
 * @param groups of the real faces: equal ones are no others
 * @param sources of each generated face, the real one that it was made from
 */
export async function findNearCopies(
  made: Embeddings,
  real: Embeddings,
  groups: ArrayLike<number>,
  sources: ArrayLike<number> | undefined,
  events: { signal?: AbortSignal; onProgress?: (done: number, of: number) => void } = {},
): Promise<CopyFigures> {
  const { signal, onProgress } = events;
  const chosen = evenly(real.count, Math.min(sample, real.count));
  const of = made.count + chosen.length;
  const some = selectVectors(real, chosen);
  const ofReal = await nearest(some, real, 1, {
    skip: (n, t) => groups[chosen[n]!] === groups[t],
    ...(signal && { signal }),
    onProgress: (done) => onProgress?.(done, of),
  });
  const ofMade = await nearest(made, real, 1, {
    ...(signal && { signal }),
    onProgress: (done) => onProgress?.(chosen.length + done, of),
  });
  const sorted = ofReal.distances.slice().sort();
  const threshold = sorted[Math.floor(nearPart * sorted.length)]!;
  const near = Array.from(ofMade.distances.keys()).filter((n) => ofMade.distances[n]! <= threshold);
  const own = sources && near.filter((n) => groups[sources[n]!] === groups[ofMade.indices[n]!]).length;
  return {
    median: medianOf(ofMade.distances),
    medianOfReal: medianOf(ofReal.distances),
    threshold,
    nearCopies: near.length / made.count,
    ofSource: own === undefined || near.length === 0 ? undefined : own / near.length,
  };
}

/** Pixels as vectors, 0..1, scaled so that a distance is the root of the mean squared difference. */
export function pixelVectors({
  pixels,
  size,
  channels,
  count,
}: Pick<FaceSet, 'pixels' | 'size' | 'channels' | 'count'>): Embeddings {
  const dimensions = size * size * channels;
  const scale = 1 / (255 * Math.sqrt(dimensions));
  return { count, dimensions, values: Float32Array.from(pixels, (byte) => byte * scale) };
}

const medianOf = (values: Float64Array): number => values.slice().sort()[values.length >> 1]!;
