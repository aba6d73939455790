import type { Embeddings } from '../embed/embedder.js';
import { checkLengths, nearest, squaredDistance } from '../embed/neighbours.js';

export interface ManifoldFigures {
  /** Part of the made vectors that lie among the real ones. */
  readonly precision: number;
  /** Part of the real vectors that lie among the made ones. */
  readonly recall: number;
  /** How densely real vectors lie around the made ones: about 1 for one distribution, may exceed it. */
  readonly density: number;
  /** Part of the real vectors that have a made one near. */
  readonly coverage: number;
}

/**
 * How much of what was made is like what is real, and the other way round. A vector's surroundings are
 * the ball that reaches to its k-th nearest neighbour within its own set. Precision and recall:
 * Kynkaanniemi et al. 2019; density and coverage, which outliers do not blow up: Naeem et al. 2020.
 * @throws Error for k or fewer vectors in a set, or vectors of different lengths
 */
export async function manifoldFigures(
  real: Embeddings,
  made: Embeddings,
  k: number,
  signal?: AbortSignal,
): Promise<ManifoldFigures> {
  const d = checkLengths(real, made);
  const radiiOfReal = await squaredRadii(real, k, signal);
  const radiiOfMade = await squaredRadii(made, k, signal);
  const amongReal = new Uint8Array(made.count);
  const amongMade = new Uint8Array(real.count);
  const covered = new Uint8Array(real.count);
  let balls = 0;
  for (let m = 0; m < made.count; m++)
    for (let r = 0; r < real.count; r++) {
      const bound = Math.max(radiiOfReal[r]!, radiiOfMade[m]!);
      const distance = squaredDistance(made.values, m * d, real.values, r * d, d, bound);
      if (distance <= radiiOfReal[r]!) amongReal[m] = 1;
      if (distance <= radiiOfMade[m]!) amongMade[r] = 1;
      if (distance < radiiOfReal[r]!) {
        balls++;
        covered[r] = 1;
      }
    }
  const partOf = (flags: Uint8Array) => flags.reduce((a, b) => a + b, 0) / flags.length;
  return {
    precision: partOf(amongReal),
    recall: partOf(amongMade),
    density: balls / (k * made.count),
    coverage: partOf(covered),
  };
}

async function squaredRadii(vectors: Embeddings, k: number, signal?: AbortSignal): Promise<Float64Array> {
  if (vectors.count <= k) throw new Error(`its ${k} nearest neighbours want more than ${vectors.count} vectors`);
  const { distances } = await nearest(vectors, vectors, k, { skip: (a, b) => a === b, ...(signal && { signal }) });
  return Float64Array.from({ length: vectors.count }, (_, i) => distances[i * k + k - 1]! ** 2);
}
