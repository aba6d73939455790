import type { Embeddings } from '../embed/embedder.js';
import { checkLengths } from '../embed/neighbours.js';

/** How alike faces and what was made of them are, as far as the embedding tells: cosines of what sets them apart from the mean real face. */
export interface IdentityFigures {
  /** Mean of each generated face and the one that it was made from. */
  readonly kept: number;
  /** A tenth lies below this. */
  readonly lowest10: number;
  /** Mean of each generated face and one that another was made from. */
  readonly ofOthers: number;
}

/**
 * @param made, sources row for row: what was made, and what it was made from (as it was given to the generator)
 * @param real faces whose mean is taken off: all that faces have in common would make any two alike
 */
export function identityKept(made: Embeddings, sources: Embeddings, real: Embeddings): IdentityFigures {
  checkLengths(made, sources);
  const mean = meanVector(real);
  const cosine = (i: number, j: number) => cosineBeside(mean, made, i, sources, j);
  const n = made.count;
  const cosines = Float64Array.from({ length: n }, (_, i) => cosine(i, i)).sort();
  // Half the set away: another face, each once.
  const others = Float64Array.from({ length: n }, (_, i) => cosine(i, (i + (n >> 1) + 1) % n));
  return { kept: average(cosines), lowest10: cosines[Math.floor(n / 10)]!, ofOthers: average(others) };
}

function cosineBeside(mean: Float64Array, a: Embeddings, i: number, b: Embeddings, j: number): number {
  const { dimensions: d } = a;
  let [dot, normA, normB] = [0, 0, 0];
  for (let n = 0; n < d; n++) {
    const x = a.values[i * d + n]! - mean[n]!;
    const y = b.values[j * d + n]! - mean[n]!;
    dot += x * y;
    normA += x * x;
    normB += y * y;
  }
  return dot / Math.sqrt(Math.max(normA * normB, Number.MIN_VALUE));
}

function meanVector({ values, dimensions, count }: Embeddings): Float64Array {
  const mean = new Float64Array(dimensions);
  for (let i = 0; i < values.length; i++) mean[i % dimensions]! += values[i]! / count;
  return mean;
}

const average = (values: Float64Array): number => values.reduce((a, b) => a + b, 0) / values.length;
