import { Philox } from '../base/random.js';
import type { Embeddings } from '../embed/embedder.js';
import { checkLengths } from '../embed/neighbours.js';

export interface KernelDistance {
  /** Unbiased: around 0, at times below, for sets of one distribution. */
  readonly value: number;
  /** Deviation over random halves of the sets. */
  readonly deviation: number;
}

const halves = 50;
/** Stream of the seed. */
const halvesStream = 0x41d;

/**
 * The kernel distance of two sets of vectors (Binkowski et al. 2018; of Inception's pool3 it is KID):
 * the unbiased squared maximum mean discrepancy with the kernel (x . y / d + 1)^3. Other than FID it
 * does not depend on how many vectors there are.
 * @throws Error for fewer than four vectors in a set, or vectors of different lengths
 */
export function kernelDistance(a: Embeddings, b: Embeddings, seed: number): KernelDistance {
  checkLengths(a, b);
  if (a.count < 4 || b.count < 4) throw new Error('a kernel distance wants two sets of at least 4 vectors');
  const kernels = { aa: kernelMatrix(a, a), bb: kernelMatrix(b, b), ab: kernelMatrix(a, b) };
  const [everyA, everyB] = [range(a.count), range(b.count)];
  const random = new Philox(seed, halvesStream);
  const half = (every: Int32Array) => random.shuffle(every.slice()).subarray(0, every.length >> 1);
  const estimates = Array.from({ length: halves }, () => discrepancy(kernels, half(everyA), half(everyB), b.count));
  const mean = estimates.reduce((x, y) => x + y, 0) / halves;
  const deviation = Math.sqrt(estimates.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (halves - 1));
  return { value: discrepancy(kernels, everyA, everyB, b.count), deviation };
}

const range = (count: number): Int32Array => Int32Array.from({ length: count }, (_, i) => i);

function kernelMatrix(a: Embeddings, b: Embeddings): Float64Array {
  const { dimensions: d } = a;
  const result = new Float64Array(a.count * b.count);
  for (let i = 0, at = 0; i < a.count; i++)
    for (let j = 0; j < b.count; j++, at++) {
      let dot = 0;
      for (let n = 0; n < d; n++) dot += a.values[i * d + n]! * b.values[j * d + n]!;
      result[at] = (dot / d + 1) ** 3;
    }
  return result;
}

function discrepancy(
  { aa, bb, ab }: Record<'aa' | 'bb' | 'ab', Float64Array>,
  a: Int32Array,
  b: Int32Array,
  countB: number,
): number {
  const countA = ab.length / countB;
  const within = (kernel: Float64Array, chosen: Int32Array, count: number) => {
    let sum = 0;
    for (const i of chosen) for (const j of chosen) if (i !== j) sum += kernel[i * count + j]!;
    return sum / (chosen.length * (chosen.length - 1));
  };
  let between = 0;
  for (const i of a) for (const j of b) between += ab[i * countB + j]!;
  return within(aa, a, countA) + within(bb, b, countB) - (2 * between) / (a.length * b.length);
}
