import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { messageOf, UserError } from '../base/errors.js';
import { ferClasses } from './classes.js';
import { groupEqual, toRgb, type FaceSet } from './face-set.js';
import { ferSize, readFer2013 } from './fer2013.js';
import { decodeImages, readFolders } from './folders.js';
import { isImageList, readImageList } from './image-list.js';
import { resizeImages } from './resize.js';
import { syntheticFaces } from './synthetic.js';

export {
  appendFaces,
  countEveryClass,
  countLabels,
  digestOfFace,
  digestOfFaces,
  facesOfClass,
  labelOf,
  selectFaces,
  type FaceSet,
  type Usage,
} from './face-set.js';

export interface LoadOptions {
  /** FER2013 as csv or csv.gz, a folder of class folders, a list of image files (csv: file, class), or "synthetic". */
  data: string;
  /** Side in pixels; images of other sizes are resized (see resizeKernel). */
  size: number;
  /** 3 repeats grey images; 1 turns colour to grey. */
  channels: 1 | 3;
  /** Leave bad rows and files out and list them in `skipped`, instead of stopping at the first. */
  skipBad?: boolean;
  /** FER+ votes (fer2013new.csv) for a csv, row for row. */
  ferplus?: string | null;
  /** Of a csv with a Usage column: the training rows alone, or all (default). */
  usage?: 'training' | 'all';
  /** Of synthetic faces. Default 1. */
  seed?: number;
  /** Rows or files read so far. */
  onProgress?: (rows: number) => void;
}

/** Faces of the embedded default: 120 of every class, but 40 of Disgust, the rare one. */
const syntheticDefault = { count: 760, rareEvery: 3 };

/**
 * Reads labelled faces.
 * @throws UserError naming the file and the line or image at fault
 */
export async function loadFaces(options: LoadOptions): Promise<FaceSet> {
  const { data, size, channels, seed = 1, ferplus = null } = options;
  const isFolder = data !== 'synthetic' && (await isDirectory(data));
  if (ferplus !== null && (isFolder || data === 'synthetic'))
    throw new UserError(`The FER+ votes ${ferplus} want a csv of FER2013 as data, not ${data}.`);
  if (data === 'synthetic') return syntheticFaces({ ...syntheticDefault, size, channels, seed });
  const isList = !isFolder && (await isImageList(data));
  if (isList && ferplus !== null)
    throw new UserError(`The FER+ votes ${ferplus} want a csv of FER2013 as data, and ${data} is a list of files.`);
  const faces = isFolder || isList ? await loadImages(options, isList) : await loadFer2013(options);
  if (faces.count === 0) throw new UserError(`${data} holds no faces${whySkipped(faces.skipped)}`);
  return faces;
}

const whySkipped = (skipped: readonly string[]): string =>
  skipped.length > 0 ? ` that can be used. Skipped: ${skipped.length}, the first: ${skipped[0]!}` : '.';

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    throw new UserError(`Cannot read the data ${path}: ${messageOf(error)}`);
  }
}

async function loadImages(
  { data, size, channels, skipBad = false, onProgress }: LoadOptions,
  isList: boolean,
): Promise<FaceSet> {
  const how = { size, channels, skipBad, ...(onProgress && { onProgress }) };
  const { files, ...read } = isList ? await decodeImages(await readImageList(data), how) : await readFolders(data, how);
  return {
    ...read,
    size,
    channels,
    count: files.length,
    files,
    groups: groupEqual(read.pixels, size * size * channels),
    source: (i) => files[i]!,
  };
}

async function loadFer2013(options: LoadOptions): Promise<FaceSet> {
  const { data, size, channels, skipBad = false, ferplus = null, usage = 'all', onProgress } = options;
  const rows = await readFer2013(data, { skipBad, usage, ferplus, ...(onProgress && { onProgress }) });
  const { lines, pixels, ...read } = rows;
  const grey = await resizeImages(pixels, 1, ferSize, size);
  return {
    ...read,
    size,
    channels,
    classNames: ferClasses,
    pixels: channels === 3 ? toRgb(grey) : grey,
    // Before resizing: images that differ stay apart at any size.
    groups: groupEqual(pixels, ferSize * ferSize),
    lines,
    source: (i) => `${basename(data)} line ${lines[i]}`,
  };
}
