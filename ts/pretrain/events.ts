/** What a command hears of while it works. */
export interface PretrainEvents {
  /** One line on the engine that auto chose. */
  onEngine?(note: string): void;
  /** Stops after the step at hand; what was learnt so far is written. */
  signal?: AbortSignal;
  onReading?: (rows: number) => void;
  onStart?: (start: {
    images: number;
    heldOut: number;
    steps: number;
    weights: number;
    skipped: readonly string[];
  }) => void;
  /** `loss`: mean cross-entropy of the step. */
  onStep?: (step: number, loss: number) => void;
  onScoring?: (images: number, of: number) => void;
}
