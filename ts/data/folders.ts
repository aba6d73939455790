import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { firstLineOf, messageOf, UserError } from '../base/errors.js';
import { toGrey } from './face-set.js';
import { resizeKernel } from './resize.js';

export interface FolderFaces {
  readonly classNames: readonly string[];
  readonly pixels: Uint8Array;
  readonly labels: Uint8Array;
  readonly files: readonly string[];
  readonly skipped: readonly string[];
}

export interface FolderOptions {
  size: number;
  channels: 1 | 3;
  skipBad: boolean;
  onProgress?: (files: number) => void;
}

/** Images decoded at once. */
const concurrency = 16;
/** What file managers leave behind. */
const litter = new Set(['thumbs.db', 'desktop.ini']);

/**
 * Reads a folder that holds a folder of images for each class, in any format and size that sharp
 * reads. Classes and images come in the order of their names. Images are turned as their EXIF says,
 * laid on mid grey where they are transparent, cut to the centre square and resized.
 * @throws UserError naming the file or folder
 */
export async function readFolders(root: string, options: FolderOptions): Promise<FolderFaces> {
  return decodeImages(await listImages(root, options.skipBad), options);
}

/** Image files and their classes. */
export interface ImageList {
  readonly classNames: readonly string[];
  readonly files: readonly string[];
  readonly labels: readonly number[];
  /** What was left out so far, a line each. */
  readonly skipped: readonly string[];
}

/** Reads the images of a list, in its order, as {@link readFolders} does. @throws UserError naming the file */
export async function decodeImages(list: ImageList, options: FolderOptions): Promise<FolderFaces> {
  const { size, channels, skipBad, onProgress } = options;
  const { classNames, files, labels } = list;
  const skipped = [...list.skipped];
  const bytesEach = size * size * channels;
  const pixels = new Uint8Array(files.length * bytesEach);
  const kept: number[] = [];
  for (let start = 0; start < files.length; start += concurrency) {
    const some = files.slice(start, start + concurrency);
    const decoded = await Promise.allSettled(some.map((file) => decode(file, size, channels)));
    decoded.forEach((result, i) => {
      if (result.status === 'fulfilled') {
        pixels.set(result.value, kept.length * bytesEach);
        kept.push(start + i);
        return;
      }
      const why = `${some[i]!} is no image that can be read: ${firstLineOf(result.reason)}`;
      if (!skipBad) throw new UserError(why);
      skipped.push(why);
    });
    onProgress?.(start + some.length);
  }
  return {
    classNames,
    pixels: pixels.slice(0, kept.length * bytesEach),
    labels: Uint8Array.from(kept, (i) => labels[i]!),
    files: kept.map((i) => files[i]!),
    skipped,
  };
}

async function listImages(root: string, skipBad: boolean): Promise<ImageList> {
  const classNames: string[] = [];
  const files: string[] = [];
  const labels: number[] = [];
  const skipped: string[] = [];
  const folders = await list(root, 'folders');
  if (folders.length === 0)
    throw new UserError(`${root} holds no folders, expected one folder of images for each class.`);
  if (folders.length > 256)
    throw new UserError(`${root} holds ${folders.length} folders, expected at most 256 classes.`);
  for (const name of folders) {
    const folder = join(root, name);
    const images = await list(folder, 'files');
    if (images.length === 0) {
      const why = `The folder ${folder} holds no images.`;
      if (!skipBad) throw new UserError(why);
      skipped.push(why);
      continue;
    }
    for (const image of images) {
      files.push(join(folder, image));
      labels.push(classNames.length);
    }
    classNames.push(name);
  }
  return { classNames, files, labels, skipped };
}

/** Names of a folder's files or folders in order, links followed, hidden ones left out. */
async function list(folder: string, kind: 'files' | 'folders'): Promise<string[]> {
  try {
    const names = (await readdir(folder)).filter((name) => !name.startsWith('.') && !litter.has(name.toLowerCase()));
    const wanted = await Promise.all(
      names.map(async (name) => (await isFolder(join(folder, name))) === (kind === 'folders')),
    );
    return names.filter((_, i) => wanted[i]).sort((a, b) => (a < b ? -1 : 1));
  } catch (error) {
    throw new UserError(`Cannot read the folder ${folder}: ${messageOf(error)}`);
  }
}

/** A link that leads nowhere counts as a file: reading it says what is wrong. */
const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  );

async function decode(file: string, size: number, channels: 1 | 3): Promise<Uint8Array> {
  const rgb = await sharp(file)
    .autoOrient()
    .flatten({ background: { r: 128, g: 128, b: 128 } })
    .resize(size, size, { fit: 'cover', kernel: resizeKernel })
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer();
  return channels === 3 ? rgb : toGrey(rgb);
}
