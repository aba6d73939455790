import { createHash } from 'node:crypto';
import { mkdir, open, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { stringify } from 'csv-stringify/sync';
import sharp from 'sharp';
import { messageOf, UserError } from '../base/errors.js';
import { ferClasses } from '../data/classes.js';
import { labelOf } from '../data/faces.js';
import { ferSize } from '../data/fer2013.js';
import type { Format } from './options.js';
import type { ImageShape } from './pixels.js';

/** Where a face is, and the SHA-256 of what was written of it. */
export interface Written {
  readonly file: string;
  readonly sha256: string;
}

/** Writes generated faces into a folder. */
export interface FaceWriter {
  write(images: readonly Uint8Array[]): Promise<Written[]>;
  close(): Promise<void>;
}

export interface WriterOptions {
  readonly format?: Format;
  readonly className: string;
  readonly shape: ImageShape;
  /** How many faces will come. */
  readonly n: number;
}

/** @throws UserError where the faces or their class do not fit the format */
export async function openWriter(folder: string, options: WriterOptions): Promise<FaceWriter> {
  return options.format === 'csv' ? ferWriter(folder, options) : pngWriter(folder, options);
}

const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

/** @throws UserError naming the file: the disk is full, the folder read-only */
async function writing<T>(file: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    throw new UserError(`Cannot write ${file}: ${messageOf(error)}`);
  }
}

/**
 * One PNG per face, `<className>/<number>.png`: the folder is one of class folders, which the
 * readers of data take. SHA-256 is that of the file.
 */
async function pngWriter(
  folder: string,
  { className, shape: { size, channels }, n }: WriterOptions,
): Promise<FaceWriter> {
  if (basename(className) !== className || className.startsWith('.'))
    throw new UserError(`The class '${className}' cannot be the name of a folder: name another with --class.`);
  const classFolder = join(folder, className);
  await writing(classFolder, () => mkdir(classFolder));
  const digits = Math.max(5, String(n).length);
  let count = 0;
  const writeOne = async (image: Uint8Array, number: number) => {
    const file = `${className}/${String(number).padStart(digits, '0')}.png`;
    const png = await sharp(image, { raw: { width: size, height: size, channels } })
      .toColourspace(channels === 1 ? 'b-w' : 'srgb')
      .png()
      .toBuffer();
    const path = join(folder, file);
    await writing(path, () => writeFile(path, png));
    return { file, sha256: sha256(png) };
  };
  return {
    async write(images) {
      const writes = images.map((image) => writeOne(image, ++count));
      // After a failure the folder is removed: no other may still be writing into it.
      await Promise.allSettled(writes);
      return Promise.all(writes);
    },
    close: () => Promise.resolve(),
  };
}

/** All faces as rows of FER2013 in `faces.csv`. SHA-256 is that of a row's pixels as bytes. */
async function ferWriter(folder: string, { className, shape: { size, channels } }: WriterOptions): Promise<FaceWriter> {
  if (size !== ferSize || channels !== 1)
    throw new UserError(
      `Rows of FER2013 hold grey faces of ${ferSize} pixels a side, and the generator makes ` +
        `${channels === 1 ? 'grey' : 'colour'} ones of ${size}: write them with --format png.`,
    );
  const name = 'faces.csv';
  const label = labelOf(ferClasses, className);
  const path = join(folder, name);
  const file = await writing(path, () => open(path, 'wx'));
  const append = (rows: unknown[][]) => writing(path, () => file.appendFile(stringify(rows)));
  await append([['emotion', 'pixels', 'Usage']]);
  let line = 1;
  return {
    async write(images) {
      await append(images.map((image) => [label, image.join(' '), 'Training']));
      return images.map((image) => ({ file: `${name} line ${++line}`, sha256: sha256(image) }));
    },
    close: () => file.close(),
  };
}
