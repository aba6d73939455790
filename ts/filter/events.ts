/** What a command hears of while it works. */
export interface FilterEvents {
  /** Stops at the next batch: nothing is left behind, and the signal's reason is thrown. */
  signal?: AbortSignal;
  /** One line on the engine that auto chose. */
  onEngine?: (note: string) => void;
  onReading?: (rows: number) => void;
  onStart?: (start: { faces: number; skipped: readonly string[] }) => void;
  onProgress?: (work: 'Embedding' | 'Training', done: number, of: number) => void;
}
