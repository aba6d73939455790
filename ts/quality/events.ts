import type { QualityResult } from './quality.js';

export type QualityWork = 'Embedding' | 'Comparing' | 'Training';

/** What a command hears of while it works. */
export interface QualityEvents {
  /** Stops at the next batch: the signal's reason is thrown. */
  signal?: AbortSignal;
  /** One line on the engine that auto chose. */
  onEngine?: (note: string) => void;
  onReading?: (rows: number) => void;
  /** What is looked at, and what could not be. */
  onStart?: (notes: readonly string[]) => void;
  onProgress?: (work: QualityWork, done: number, of: number) => void;
  /** The figures, before they are written to a file. */
  onMeasured?: (result: QualityResult) => void;
}
