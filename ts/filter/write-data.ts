import { createWriteStream } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { stringify } from 'csv-stringify/sync';
import { messageOf, UserError } from '../base/errors.js';
import { writeAtomic } from '../base/files.js';
import { usageNameOf, type FaceSet } from '../data/face-set.js';
import { ferSize } from '../data/fer2013.js';
import { readLines } from '../data/lines.js';
import { facesName, votesName, zippedFacesName } from './output-files.js';

export interface WrittenData {
  /** What `--data` takes. */
  readonly data: string;
  /** The votes of the faces that were kept, row for row. */
  readonly ferplus?: string;
}

/**
 * Writes the faces that were kept as data that can be read again: of a csv the very lines, with every
 * column, and those of its FER+ votes; of images a list of files; of synthetic faces rows of FER2013.
 * @param folder where the files go now
 * @param out where they will lie in the end, for the paths of a list
 * @returns names of the files
 */
export async function writeKept(
  { data, ferplus }: { data: string; ferplus: string | null },
  faces: FaceSet,
  kept: readonly boolean[],
  folder: string,
  out: string,
): Promise<WrittenData> {
  const indices = Array.from(faces.labels.keys()).filter((i) => kept[i]);
  const { lines, files } = faces;
  if (lines) {
    const name = data.endsWith('.gz') ? zippedFacesName : facesName;
    const rows = await copyLines(data, join(folder, name), new Set(indices.map((i) => lines[i]!)));
    if (ferplus === null) return { data: name };
    await copyRows(ferplus, join(folder, votesName), rows);
    return { data: name, ferplus: votesName };
  }
  const name = facesName;
  if (files) {
    const list = indices.map((i) => [relative(resolve(out), resolve(files[i]!)), faces.classNames[faces.labels[i]!]]);
    await writeAtomic(join(folder, name), stringify([['file', 'class'], ...list]));
  } else {
    await writeAtomic(join(folder, name), ferRows(faces, indices));
  }
  return { data: name };
}

/** @throws UserError for faces that {@link writeKept} has no form for */
export function checkForm({ lines, files, size, channels }: FaceSet): void {
  if (lines || files) return;
  if (size !== ferSize || channels !== 1)
    throw new UserError(
      `Synthetic faces are written as rows of FER2013, grey and ${ferSize} pixels a side, not ${size} with ${channels} channels.`,
    );
}

function ferRows({ pixels, size, labels, usage }: FaceSet, indices: readonly number[]): string {
  const rows = indices.map((i) => [
    labels[i]!,
    pixels.subarray(i * size * size, (i + 1) * size * size).join(' '),
    usageNameOf(usage?.[i] ?? 'training'),
  ]);
  return stringify([['emotion', 'pixels', 'Usage'], ...rows]);
}

/**
 * Copies the header and some lines of a csv, byte for byte; gzipped where the target's name says so.
 * @param wanted numbers of lines; the header is line 1
 * @returns of each line copied, the how manieth row of data it is, from 0
 */
async function copyLines(from: string, to: string, wanted: ReadonlySet<number>): Promise<Set<number>> {
  const rows = new Set<number>();
  async function* chosen() {
    let line = 0;
    let row = -1;
    for await (const text of readLines(from)) {
      line++;
      if (line > 1 && text.length > 0) row++;
      if (line > 1 && !wanted.has(line)) continue;
      if (line > 1) rows.add(row);
      yield withLineFeed(text);
      // What comes after may be cut off.
      if (rows.size === wanted.size) return;
    }
  }
  await writeStream(chosen(), to);
  if (rows.size !== wanted.size) throw new UserError(`${from} has changed while it was filtered.`);
  return rows;
}

/** Copies the header and some rows (from 0) of a csv. */
async function copyRows(from: string, to: string, wanted: ReadonlySet<number>): Promise<void> {
  async function* chosen() {
    let row = -2;
    for await (const text of readLines(from)) {
      if (text.length === 0) continue;
      row++;
      if (row === -1 || wanted.has(row)) yield withLineFeed(text);
    }
  }
  await writeStream(chosen(), to);
}

/** In memory of its own: a line is valid until the next is read. */
const withLineFeed = (line: Buffer): Buffer => Buffer.concat([line, Buffer.of(0x0a)]);

async function writeStream(chunks: AsyncIterable<Buffer>, to: string): Promise<void> {
  try {
    const source = Readable.from(chunks);
    const target = createWriteStream(to, { flags: 'wx' });
    await (to.endsWith('.gz') ? pipeline(source, createGzip(), target) : pipeline(source, target));
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`Cannot write ${to}: ${messageOf(error)}`);
  }
}
