import { selectVectors } from '../embed/neighbours.js';
import type { Embeddings } from '../embed/embedder.js';
import { frechetDistance } from './frechet.js';
import { kernelDistance, type KernelDistance } from './kernel-distance.js';
import { manifoldFigures, type ManifoldFigures } from './manifold.js';

/** How near a set of faces is to a set of real ones. */
export interface SetFigures extends ManifoldFigures {
  readonly frechet: number;
  readonly kernel: KernelDistance;
}

/** Something of each set: of the generated faces, of real ones, of the sources untouched where those are known. */
export interface OfSets<Of> {
  readonly made: Of;
  readonly real: Of;
  readonly sources?: Of;
}

/**
 * Figures of several sets beside the same real faces, each by as many vectors as the smallest has, so
 * that they can be compared: a Frechet distance is biased by how many there are.
 * @param k neighbours that make up a vector's surroundings
 * @throws Error for sets of too few vectors
 */
export async function setFigures(
  reference: Embeddings,
  sets: OfSets<Embeddings>,
  { k, seed, signal }: { k: number; seed: number; signal?: AbortSignal },
): Promise<{ vectors: number; figures: OfSets<SetFigures> }> {
  const { made, real, sources } = sets;
  const vectors = Math.min(...[made, real, ...(sources ? [sources] : [])].map(({ count }) => count));
  const measure = async (set: Embeddings): Promise<SetFigures> => {
    const some = selectVectors(set, evenly(set.count, vectors));
    return {
      frechet: frechetDistance(some, reference),
      kernel: kernelDistance(some, reference, seed),
      ...(await manifoldFigures(reference, some, k, signal)),
    };
  };
  const figures = { made: await measure(made), real: await measure(real) };
  return { vectors, figures: sources ? { ...figures, sources: await measure(sources) } : figures };
}

/** `count` of `total` places, evenly spread. */
export const evenly = (total: number, count: number): Int32Array =>
  Int32Array.from({ length: count }, (_, n) => Math.floor((n * total) / count));
