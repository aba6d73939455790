import type { Precision } from '../../ts/backend/binding.js';
import type { Cost } from './costs.js';

/** What a GPU can do at the most. */
export interface Card {
  readonly name: string;
  readonly multiprocessors: number;
  /** Bytes a second, from its own memory. */
  readonly bandwidth: number;
  /** Operations a second outside of tensor cores. */
  readonly float32: number;
  /** Operations a second of matrix products, factors rounded as each precision says. */
  readonly matrix: Readonly<Record<Precision, number>>;
  /** Seconds from one kernel of a graph to the next that waits for it. */
  readonly launch: number;
}

const tf32 = 495e12;

/** NVIDIA's data sheet of the H200 SXM, dense figures. float32 takes three products in tf32 each. */
export const h200: Card = {
  name: 'H200',
  multiprocessors: 132,
  bandwidth: 4.8e12,
  float32: 67e12,
  matrix: { float32: tf32 / 3, tf32, bfloat16: 989e12 },
  launch: 1.7e-6,
};

export type Bound = 'products' | 'memory' | 'launches';

/** The least time of a call, in seconds, and what sets it. */
export function boundOf(
  card: Card,
  precision: Precision,
  { matrixFlops, otherFlops, bytes }: Cost,
  launches: number,
): { seconds: number; by: Bound } {
  const times: Record<Bound, number> = {
    products: matrixFlops / card.matrix[precision] + otherFlops / card.float32,
    memory: bytes / card.bandwidth,
    launches: launches * card.launch,
  };
  const [by, seconds] = (Object.entries(times) as [Bound, number][]).reduce((a, b) => (b[1] > a[1] ? b : a));
  return { seconds, by };
}
