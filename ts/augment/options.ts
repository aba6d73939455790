import { expected } from '../base/errors.js';
import { providers, type Provider } from '../onnx/session.js';

export const formats = ['png', 'csv'] as const;
export type Format = (typeof formats)[number];

export interface AugmentOptions {
  /** A generator: gen_ab.onnx or gen_ba.onnx of a run. */
  onnx: string;
  /** How many faces to make. */
  n: number;
  /**
   * Faces to translate: FER2013 as csv or csv.gz (its Training rows), a folder of class folders, or "synthetic".
   * Default: what the generator was trained on, if it is still there, else synthetic.
   */
  data?: string;
  /** Class of the faces to translate. Default: the one that the generator was trained to translate, else Neutral. */
  source?: string;
  /** Class of the faces made. Default: the one that the generator was trained to make. */
  className?: string;
  /** Output folder. Default: augmented/<time>-<class>. */
  out?: string;
  /** png: one file per face, in a folder of the class's name; csv: rows of FER2013. Default png. */
  format?: Format;
  /** Which faces are translated. Default 1. */
  seed?: number;
  /** Faces translated at once. Default 16. */
  batchSize?: number;
  /** Default auto. */
  provider?: Provider;
  /** Threads on the CPU. Default: one per core. */
  threads?: number;
  /** Leave bad rows and files of the data out instead of stopping at the first. */
  skipBad?: boolean;
  /** Replace an earlier output. */
  force?: boolean;
  /** Stops between batches: nothing is left behind, and the signal's reason is thrown. */
  signal?: AbortSignal;
  onStart?: (start: AugmentStart) => void;
  /** Faces made so far. */
  onProgress?: (faces: number) => void;
}

export interface AugmentStart {
  /** What is made from what, and what is not as could be hoped for. */
  readonly notes: readonly string[];
  /** Rows or files of the data that were left out. */
  readonly skipped: readonly string[];
}

/** @throws UserError naming the option and its flag */
export function checkOptions(options: AugmentOptions): void {
  const { n, seed = 1, batchSize = 16, threads = 1, format = 'png', provider = 'auto' } = options;
  checkWhole('n (--n)', n, 1, 10_000_000);
  checkWhole('seed (--seed)', seed, 0, 0xffffffff);
  checkWhole('batchSize (--batch-size)', batchSize, 1, 4096);
  checkWhole('threads (--threads)', threads, 1, 1024);
  if (!formats.includes(format)) throw expected('format (--format)', `one of ${formats.join(', ')}`, format);
  if (!providers.includes(provider))
    throw expected('provider (--provider)', `one of ${providers.join(', ')}`, provider);
}

function checkWhole(what: string, value: number, from: number, to: number): void {
  if (!(Number.isInteger(value) && value >= from && value <= to))
    throw expected(what, `an integer between ${from} and ${to}`, value);
}
