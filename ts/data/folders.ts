import { access, constants, lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { firstLineOf, messageOf, UserError } from '../base/errors.js';
import { isLitter } from '../base/files.js';
import { checkClassName, toGrey } from './face-set.js';
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
/** The sheet that lies beside the class folders of generated faces. */
export const contactSheetName = 'contact-sheet.png';
const imageName = /\.(avif|bmp|gif|heic|heif|jfif|jpe|jpe?g|jxl|pgm|png|ppm|svg|tiff?|webp)$/i;

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
  /** What an error calls file i: its path, and where that is listed. */
  nameOf(i: number): string;
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
      const why = `${list.nameOf(start + i)} ${messageOf(result.reason)}`;
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
  const leaveOut = (why: string) => {
    if (!skipBad) throw new UserError(why);
    skipped.push(why);
  };
  const { folders, files: loose } = await list(root);
  if (folders.length === 0)
    throw new UserError(`${root} holds no folders, expected one folder of images for each class.`);
  if (folders.length > 256)
    throw new UserError(`${root} holds ${folders.length} folders, expected at most 256 classes.`);
  for (const name of loose)
    if (imageName.test(name) && name !== contactSheetName)
      leaveOut(`${join(root, name)} lies in the folder of no class: move it into one.`);
  for (const name of folders) {
    checkClassName(name, root);
    const folder = join(root, name);
    const { files: images, folders: inner } = await list(folder);
    if (images.length === 0) {
      // Kaggle's FER2013 has its class folders in test and train.
      const parent = join(root, folders.find((other) => /^train/i.test(other)) ?? name);
      leaveOut(
        inner.length === 0
          ? `The folder ${folder} holds no images.`
          : `The folder ${folder} holds folders, expected the images of a class. If these are the classes, ` +
              `name the folder that they lie in: --data ${parent}`,
      );
      continue;
    }
    for (const other of inner)
      leaveOut(`The folder ${join(folder, other)} lies in that of a class: move its images up into ${folder}.`);
    for (const image of images) {
      files.push(join(folder, image));
      labels.push(classNames.length);
    }
    classNames.push(name);
  }
  return { classNames, files, labels, nameOf: (i) => files[i]!, skipped };
}

/** Names of a folder's files and folders in order, links followed, hidden ones left out. */
async function list(folder: string): Promise<{ files: string[]; folders: string[] }> {
  try {
    const names = (await readdir(folder)).filter((name) => !name.startsWith('.') && !isLitter(name));
    names.sort((a, b) => (a < b ? -1 : 1));
    const folders = await Promise.all(names.map((name) => isFolder(join(folder, name))));
    return { files: names.filter((_, i) => !folders[i]), folders: names.filter((_, i) => folders[i]) };
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

/** @throws Error that says, after the file's name, what is wrong with it */
async function decode(file: string, size: number, channels: 1 | 3): Promise<Uint8Array> {
  await checkFile(file);
  try {
    const rgb = await sharp(file)
      .autoOrient()
      .flatten({ background: { r: 128, g: 128, b: 128 } })
      .resize(size, size, { fit: 'cover', kernel: resizeKernel })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer();
    return channels === 3 ? rgb : toGrey(rgb);
  } catch (error) {
    throw new Error(`is no image that can be read: ${firstLineOf(error)}`);
  }
}

/** Reading a pipe would wait for ever, and sharp calls all that it cannot open missing. */
async function checkFile(file: string): Promise<void> {
  try {
    if ((await stat(file)).isFile()) {
      await access(file, constants.R_OK);
      return;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw new Error(`cannot be read: ${messageOf(error)}`);
    const isLink = await lstat(file).then(
      () => true,
      () => false,
    );
    throw new Error(isLink ? 'is a link that leads nowhere.' : 'does not exist.');
  }
  throw new Error('is no regular file.');
}
