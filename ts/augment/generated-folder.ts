import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import sharp from 'sharp';
import { manifestName } from './manifest.js';
import { firstLineOf, messageOf, UserError } from '../base/errors.js';
import { counted } from '../base/text.js';
import type { SourceFace } from './sources.js';
import { digestOfFace, labelOf, type FaceSet } from '../data/faces.js';
import { ferSize, readFer2013 } from '../data/fer2013.js';

/** The faces of an output folder of augment whose sources are among some faces. */
export interface GeneratedFaces {
  /** [n, size, size, channels] */
  readonly pixels: Uint8Array;
  readonly labels: Uint8Array;
  /** The face that each was made from, and how it was changed; any one of equal ones, which no split parts. */
  readonly sources: readonly SourceFace[];
  /** SHA-256 of the manifest, which holds those of all faces. */
  readonly digest: string;
  /** Faces that were left out: what they were made from is not among the faces. */
  readonly strangers: number;
}

const needed = ['file', 'source_sha256', 'class', 'flip', 'shift_x', 'shift_y', 'sha256'] as const;
type Row = Readonly<Record<(typeof needed)[number], string>>;

/**
 * Reads the generated faces of a folder and finds the face that each was made from, by its pixels.
 * @param wanted digest that the folder must have
 * @throws UserError naming the file and the row where something is missing, has changed or has another size
 */
export async function readGeneratedFolder(folder: string, faces: FaceSet, wanted?: string): Promise<GeneratedFaces> {
  const file = join(folder, manifestName);
  const { rows, digest } = await readManifest(file);
  if (wanted !== undefined && digest !== wanted)
    throw new UserError(`${file} is not what it was when the evaluation was begun. Restore it.`);
  const indexOf = new Map(Array.from({ length: faces.count }, (_, i) => [digestOfFace(faces, i), i] as const));
  const known = rows.flatMap((row, n) => {
    const source = indexOf.get(row.source_sha256);
    return source === undefined ? [] : [{ row, line: n + 2, source }];
  });
  if (known.length === 0)
    throw new UserError(
      `None of ${counted(rows.length, 'face')} of ${folder} was made from a face of the data: evaluate with the data and ` +
        'the size that they were made with.',
    );
  const read = known.some(({ row }) => row.file.includes(' line '))
    ? await csvReader(folder, faces)
    : pngReader(folder, faces);
  const bytes = faces.size * faces.size * faces.channels;
  const pixels = new Uint8Array(known.length * bytes);
  for (const [n, { row, line }] of known.entries()) pixels.set(await read(row, `${file} line ${line}`), n * bytes);
  return {
    pixels,
    labels: Uint8Array.from(known, ({ row }) => labelOf(faces.classNames, row.class)),
    sources: known.map(({ row, source, line }) => sourceOf(row, source, `${file} line ${line}`)),
    digest,
    strangers: rows.length - known.length,
  };
}

function sourceOf(row: Row, index: number, where: string): SourceFace {
  const [flip, shiftX, shiftY] = [row.flip, row.shift_x, row.shift_y].map(Number) as [number, number, number];
  if ((flip !== 0 && flip !== 1) || !Number.isInteger(shiftX) || !Number.isInteger(shiftY))
    throw new UserError(
      `${where}: flip is '${row.flip}' and the shift '${row.shift_x}', '${row.shift_y}', expected 0 or 1 and whole pixels.`,
    );
  return { index, flip: flip === 1, shiftX, shiftY };
}

async function readManifest(file: string): Promise<{ rows: Row[]; digest: string }> {
  let text: Buffer;
  let rows: Row[];
  try {
    text = await readFile(file);
    rows = parse<Row>(text, { columns: true });
  } catch (error) {
    throw new UserError(`Cannot read ${file}, expected the manifest of npm run augment: ${messageOf(error)}`);
  }
  if (rows.length === 0) throw new UserError(`${file} names no faces.`);
  for (const name of needed)
    if (!Object.hasOwn(rows[0]!, name))
      throw new UserError(`${file} has no column ${name}: make the faces again with npm run augment.`);
  return { rows, digest: createHash('sha256').update(text).digest('hex') };
}

type Reader = (row: Row, where: string) => Promise<Uint8Array> | Uint8Array;

function pngReader(folder: string, { size, channels }: FaceSet): Reader {
  return async ({ file, sha256 }, where) => {
    const path = join(folder, file);
    try {
      const content = await readFile(path);
      check(content, sha256, where, path);
      const { data, info } = await sharp(content)
        .toColourspace(channels === 1 ? 'b-w' : 'srgb')
        .removeAlpha()
        .raw()
        .toBuffer({ resolveWithObject: true });
      if (info.width !== size || info.height !== size || info.channels !== channels)
        throw new UserError(
          `${path} (${where}) is of ${info.width}x${info.height} pixels, expected ${size}x${size} as the evaluation's faces.`,
        );
      return data;
    } catch (error) {
      throw error instanceof UserError ? error : new UserError(`Cannot read ${path} (${where}): ${firstLineOf(error)}`);
    }
  };
}

/** Of faces that were written as rows of FER2013: `file` is "faces.csv line 2". */
async function csvReader(folder: string, { size, channels }: FaceSet): Promise<Reader> {
  const path = join(folder, 'faces.csv');
  if (size !== ferSize || channels !== 1)
    throw new UserError(`${path} holds grey faces of ${ferSize}x${ferSize} pixels: evaluate with --size ${ferSize}.`);
  const { lines, pixels } = await readFer2013(path, { skipBad: false, usage: 'all', ferplus: null });
  const rowOf = new Map(lines.map((line, n) => [line, n] as const));
  return ({ file, sha256 }, where) => {
    const n = rowOf.get(Number(file.split(' line ')[1]));
    if (n === undefined) throw new UserError(`${where} names ${file}, which is not there.`);
    const image = pixels.subarray(n * ferSize ** 2, (n + 1) * ferSize ** 2);
    check(image, sha256, where, file);
    return image;
  };
}

function check(content: Uint8Array, sha256: string, where: string, what: string): void {
  if (createHash('sha256').update(content).digest('hex') !== sha256)
    throw new UserError(`${what} is not the face that ${where} tells of: its checksum differs.`);
}
