import { CholeskyDecomposition, Matrix } from 'ml-matrix';
import type { Embeddings } from './embedder.js';

/** Mean [d] and covariance [d, d] of vectors. */
export interface VectorMoments {
  readonly count: number;
  readonly dimensions: number;
  readonly mean: Float64Array;
  /** Row by row, symmetric; divided by `count`. */
  readonly covariance: Float64Array;
}

/** @param indices which vectors. Default: all */
export function vectorMoments(embeddings: Embeddings, indices = everyIndex(embeddings)): VectorMoments {
  const { dimensions: d } = embeddings;
  const mean = new Float64Array(d);
  const centred = new Float64Array(d);
  const covariance = new Float64Array(d * d);
  const n = indices.length;
  eachVector(embeddings, indices, (vector) => {
    for (let i = 0; i < d; i++) mean[i]! += vector[i]! / n;
  });
  eachVector(embeddings, indices, (vector) => {
    for (let i = 0; i < d; i++) centred[i] = vector[i]! - mean[i]!;
    for (let i = 0; i < d; i++) {
      const scaled = centred[i]! / n;
      // Dead features of a network after relu.
      if (scaled === 0) continue;
      const row = i * d;
      for (let j = 0; j <= i; j++) covariance[row + j]! += scaled * centred[j]!;
    }
  });
  for (let i = 0; i < d; i++) for (let j = 0; j < i; j++) covariance[j * d + i] = covariance[i * d + j]!;
  return { count: n, dimensions: d, mean, covariance };
}

/**
 * How far to shrink a covariance S towards mu I, mu the mean variance, so that
 * (1 - s) S + s mu I has the least expected squared error: Ledoit & Wolf, "A well-conditioned
 * estimator for large-dimensional covariance matrices" (2004), lemma 3.2 and section 3.3.
 * @returns s in 0..1
 */
export function ledoitWolf(
  embeddings: Embeddings,
  { count: n, dimensions: d, mean, covariance }: VectorMoments,
  indices = everyIndex(embeddings),
): number {
  const mu = traceOf(covariance, d) / d;
  const squares = covariance.reduce((sum, value) => sum + value * value, 0);
  let fourth = 0;
  eachVector(embeddings, indices, (vector) => {
    let norm = 0;
    for (let i = 0; i < d; i++) norm += (vector[i]! - mean[i]!) ** 2;
    fourth += norm * norm;
  });
  const spread = squares - d * mu * mu;
  if (spread <= 0) return 1;
  return Math.max(0, Math.min(1, (fourth / n - squares) / n / spread));
}

/** A normal distribution of vectors. */
export interface Gaussian {
  readonly dimensions: number;
  readonly mean: Float64Array;
  /** Lower triangle L of the covariance L L^T, row by row [d, d]. */
  readonly factor: Float64Array;
  readonly logDeterminant: number;
  /** How far the covariance was shrunk; see {@link ledoitWolf}. */
  readonly shrinkage: number;
}

/**
 * Fits a normal distribution to vectors, its covariance shrunk so that it has an inverse however few they are.
 * @throws Error for fewer than two vectors, or all equal ones
 */
export function fitGaussian(embeddings: Embeddings, indices = everyIndex(embeddings)): Gaussian {
  if (indices.length < 2) throw new Error(`a normal distribution wants at least 2 vectors, not ${indices.length}`);
  const moments = vectorMoments(embeddings, indices);
  const { dimensions: d, mean, covariance } = moments;
  const mu = traceOf(covariance, d) / d;
  if (!(mu > 0)) throw new Error('a normal distribution wants vectors that differ');
  // A covariance of full rank may ask for none; rounding must not make it singular.
  const shrinkage = Math.max(1e-9, ledoitWolf(embeddings, moments, indices));
  const shrunk = covariance.map((value, i) => (1 - shrinkage) * value + (i % (d + 1) === 0 ? shrinkage * mu : 0));
  const lower = new CholeskyDecomposition(Matrix.from1DArray(d, d, shrunk)).lowerTriangularMatrix;
  const factor = Float64Array.from(lower.to1DArray());
  let logDeterminant = 0;
  for (let i = 0; i < d; i++) logDeterminant += 2 * Math.log(factor[i * (d + 1)]!);
  return { dimensions: d, mean, factor, logDeterminant, shrinkage };
}

/**
 * log p of each vector, in nats.
 * @throws Error for vectors of another length
 */
export function logLikelihood(
  { dimensions: d, mean, factor, logDeterminant }: Gaussian,
  embeddings: Embeddings,
  indices = everyIndex(embeddings),
): Float64Array {
  if (embeddings.dimensions !== d)
    throw new Error(`vectors of ${embeddings.dimensions} numbers do not fit a distribution of ${d}`);
  const constant = d * Math.log(2 * Math.PI) + logDeterminant;
  const result = new Float64Array(indices.length);
  const solved = new Float64Array(d);
  eachVector(embeddings, indices, (vector, n) => {
    let distance = 0;
    for (let i = 0; i < d; i++) {
      const row = i * d;
      let sum = vector[i]! - mean[i]!;
      for (let j = 0; j < i; j++) sum -= factor[row + j]! * solved[j]!;
      solved[i] = sum / factor[row + i]!;
      distance += solved[i]! ** 2;
    }
    result[n] = -(constant + distance) / 2;
  });
  return result;
}

export const everyIndex = ({ count }: Pick<Embeddings, 'count'>): Int32Array =>
  Int32Array.from({ length: count }, (_, i) => i);

function eachVector(
  { values, dimensions }: Embeddings,
  indices: Int32Array,
  take: (vector: Float32Array, n: number) => void,
): void {
  indices.forEach((i, n) => take(values.subarray(i * dimensions, (i + 1) * dimensions), n));
}

function traceOf(matrix: Float64Array, d: number): number {
  let trace = 0;
  for (let i = 0; i < d; i++) trace += matrix[i * (d + 1)]!;
  return trace;
}
