import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import type { Embeddings } from '../embed/embedder.js';
import { vectorMoments, type VectorMoments } from '../embed/gaussian.js';
import { checkLengths } from '../embed/neighbours.js';

/**
 * The Frechet distance of two sets of vectors as normal distributions (Heusel et al. 2017, equation 6;
 * of Inception's pool3 it is FID): |m - w|^2 + tr(C + W - 2 (C W)^(1/2)). It is biased upwards for
 * few vectors: compare sets of one size alone.
 * @throws Error for fewer than two vectors in a set, or vectors of different lengths
 */
export function frechetDistance(a: Embeddings, b: Embeddings): number {
  const d = checkLengths(a, b);
  if (a.count < 2 || b.count < 2) throw new Error('a Frechet distance wants two sets of at least 2 vectors');
  const [first, second] = [vectorMoments(a), vectorMoments(b)];
  let distance = 0;
  for (let i = 0; i < d; i++) distance += (first.mean[i]! - second.mean[i]!) ** 2;
  const [c, w] = [unbiased(first), unbiased(second)];
  return Math.max(0, distance + c.trace() + w.trace() - 2 * traceOfRoot(c, w));
}

function unbiased({ count, dimensions: d, covariance }: VectorMoments): Matrix {
  return Matrix.from1DArray(d, d, covariance).mul(count / (count - 1));
}

/** tr (C W)^(1/2), of symmetric matrices without negative eigenvalues: the roots of the eigenvalues of C^(1/2) W C^(1/2). */
function traceOfRoot(c: Matrix, w: Matrix): number {
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(c, { assumeSymmetric: true });
  const roots = realEigenvalues.map((value) => Math.sqrt(Math.max(0, value)));
  const root = eigenvectorMatrix.clone().mulRowVector(roots);
  const inner = root.transpose().mmul(w).mmul(root);
  const { realEigenvalues: products } = new EigenvalueDecomposition(inner, { assumeSymmetric: true });
  return products.reduce((sum, value) => sum + Math.sqrt(Math.max(0, value)), 0);
}
