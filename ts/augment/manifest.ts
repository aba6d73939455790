import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { contactSheetName } from '../data/folders.js';

/** The file by which an output folder is known. */
export const manifestName = 'manifest.csv';

/**
 * Its columns, a row for each face: `source` says where the face that it was made from stands,
 * `source_sha256` is the digest of that face's pixels; flip and shifts came before the translation;
 * `sha256` is what the writer of the faces says.
 */
export const manifestColumns = [
  'file',
  'source',
  'source_sha256',
  'class',
  'seed',
  'flip',
  'shift_x',
  'shift_y',
  'sha256',
] as const;

/** Paths within an output folder of all that was written there; none where it holds no such manifest. */
export async function filesOfOutput(folder: string): Promise<string[]> {
  try {
    const rows = parse<Record<string, string>>(await readFile(join(folder, manifestName)), { columns: true });
    if (!manifestColumns.every((column) => Object.hasOwn(rows[0] ?? {}, column))) return [];
    // Faces that are rows of a file are called "faces.csv line 2".
    return [manifestName, contactSheetName, ...rows.map(({ file }) => file!.replace(/ line \d+$/, ''))];
  } catch {
    return [];
  }
}
