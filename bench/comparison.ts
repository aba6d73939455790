import { measure, type Contestant, type MeasureOptions, type Timing } from './measure.js';

/** One comparison: the same work by several contestants, the project's own first. */
export interface Comparison {
  /** e.g. "Training step, batch 1" */
  readonly title: string;
  /** What was measured, in a line. */
  readonly detail: string;
  readonly timings: readonly Timing[];
  /** Images that a run makes, where that is what counts. */
  readonly images?: number;
  /** What a reader must know of it, a line each. */
  readonly notes?: readonly string[];
}

/** Times contestants and frees what they hold, whatever happens. */
export async function race(contestants: readonly Contestant[], options: MeasureOptions): Promise<Timing[]> {
  try {
    return await measure(contestants, options);
  } finally {
    for (const contestant of contestants) await contestant.dispose?.();
  }
}
