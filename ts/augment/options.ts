import { checkSettings, choice, faceClass, file, folder, given, maybe, toggle, whole } from '../base/options.js';
import { dataOptions } from '../data/options.js';
import { providers, sessionEngines, type SessionOptions } from '../onnx/session.js';
import { checkSelection, selectOptions, type SelectSettings } from './select/options.js';

export const formats = ['png', 'csv'] as const;
export type Format = (typeof formats)[number];

/** Options of the command; `class` is `className` of {@link AugmentOptions}. */
export const augmentOptions = {
  onnx: file('generator, e.g. gen_ab.onnx of a run'),
  n: whole(1, 10_000_000, 'faces to make'),
  data: maybe(dataOptions.data, 'as trained'),
  usage: maybe(dataOptions.usage, 'as trained; of other data training'),
  source: maybe(faceClass('class of the faces to translate'), 'as trained'),
  class: maybe(faceClass('class of the faces made'), 'as trained'),
  out: maybe(folder('output folder'), 'augmented/<time>-<class>'),
  format: choice(formats, 'image files, or rows of FER2013'),
  seed: whole(0, 0xffffffff, 'which faces are translated; the same seed, the same faces'),
  batchSize: whole(1, 4096, 'faces translated at once'),
  threads: maybe(whole(1, 1024, 'threads on the CPU'), 'one per core'),
  engine: choice(
    sessionEngines,
    "what runs the generator; auto: onnxruntime on a GPU if there is one, else native (this project's addon) " +
      'unless it lacks an operator of the file; others: as they train',
  ),
  provider: choice(providers, 'where onnxruntime runs it; auto: a GPU if it can'),
  ...selectOptions,
  skipBad: dataOptions.skipBad,
  force: toggle('replace an earlier output folder that holds nothing else'),
} as const;

export const augmentDefaults = {
  data: null,
  usage: null,
  source: null,
  class: null,
  out: null,
  format: 'png',
  seed: 1,
  batchSize: 16,
  threads: null,
  engine: 'auto',
  provider: 'auto',
  select: null,
  candidates: null,
  perSource: null,
  diversity: null,
  run: null,
  skipBad: false,
  force: false,
} as const;

export interface AugmentOptions extends SessionOptions, SelectSettings {
  /** A generator: gen_ab.onnx or gen_ba.onnx of a run. */
  onnx: string;
  /** How many faces to make. */
  n: number;
  /**
   * Faces to translate: FER2013 as csv or csv.gz, a folder of class folders, or "synthetic".
   * Default: what the generator was trained on.
   */
  data?: string;
  /**
   * Of data with a usage column: the Training rows alone, or all. Default: as the generator was trained, and of other
   * data than it was trained on the Training rows.
   */
  usage?: 'training' | 'all';
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
  /** Leave bad rows and files of the data out instead of stopping at the first. */
  skipBad?: boolean;
  /** Replace an earlier output. */
  force?: boolean;
  /** Stops between batches: nothing is left behind, and the signal's reason is thrown. */
  signal?: AbortSignal;
  onStart?: (start: AugmentStart) => void;
  /** Faces made so far, candidates among them. */
  onProgress?: (faces: number) => void;
  /** Of a selection: faces or training steps done. */
  onScoring?: (work: string, done: number, of: number) => void;
}

export interface AugmentStart {
  /** What is made from what, and what is not as could be hoped for. */
  readonly notes: readonly string[];
  /** Rows or files of the data that were left out. */
  readonly skipped: readonly string[];
  /** How many will be made; of a selection, candidates. */
  readonly faces: number;
}

/** @throws UserError naming the option and its flag */
export function checkOptions(options: AugmentOptions): void {
  const {
    className,
    signal: _signal,
    onStart: _onStart,
    onProgress: _onProgress,
    onScoring: _onScoring,
    ...settings
  } = options;
  checkSelection(checkSettings(augmentOptions, { ...augmentDefaults, ...given({ ...settings, class: className }) }));
}

/**
 * What a command line says, as options: what it leaves open (null) is left out.
 * @throws UserError naming the option and its flag
 */
export function augmentOptionsOf(parsed: Readonly<Record<string, unknown>>): AugmentOptions {
  const { class: className, ...settings } = checkSettings(augmentOptions, { ...augmentDefaults, ...parsed });
  const chosen = Object.entries({ ...settings, className }).filter(([, value]) => value !== null);
  return Object.fromEntries(chosen) as unknown as AugmentOptions;
}
