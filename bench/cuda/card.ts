import type { Precision } from '../../ts/backend/binding.js';
import type { Cost } from '../calls/costs.js';

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

/** float32 takes three products in tf32 each. */
const matrix = (tf32: number, bfloat16: number): Card['matrix'] => ({ float32: tf32 / 3, tf32, bfloat16 });

/** NVIDIA's data sheets, the SXM cards, dense figures. */
const a100: Card = {
  ...{ name: 'A100', multiprocessors: 108, bandwidth: 2.04e12 },
  ...{ float32: 19.5e12, matrix: matrix(156e12, 312e12), launch: 1.7e-6 },
};
const h100: Card = {
  ...{ name: 'H100', multiprocessors: 132, bandwidth: 3.35e12 },
  ...{ float32: 67e12, matrix: matrix(495e12, 989e12), launch: 1.7e-6 },
};
export const h200: Card = { ...h100, name: 'H200', bandwidth: 4.8e12 };

/** The card that a description names: "NVIDIA H200, 132 multiprocessors". */
export const cardOf = (description: string): Card | undefined =>
  [a100, h100, h200].find(({ name }) => new RegExp(`\\b${name}\\b`).test(description));

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
