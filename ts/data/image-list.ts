import { parse } from 'csv-parse/sync';
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { messageOf, UserError } from '../base/errors.js';
import { columnsOf } from './csv-header.js';
import { checkClassName } from './face-set.js';
import type { ImageList } from './folders.js';
import { readLines } from './lines.js';

/** The columns of a list of image files; others are passed over. */
const listColumns = ['file', 'class'] as const;

/** Whether a file's first line is the header of a list of image files. @throws UserError when it cannot be read */
export async function isImageList(path: string): Promise<boolean> {
  for await (const line of readLines(path)) {
    const names = columnsOf(line, path);
    return listColumns.every((name) => names.includes(name));
  }
  return false;
}

/**
 * Reads a csv of image files and their classes, such as a manifest of generated faces or what a
 * filter left of a folder. Paths are relative to the list. Classes come in the order of their names.
 * @throws UserError naming the file and the line (the header is line 1)
 */
export async function readImageList(path: string): Promise<ImageList> {
  let rows: { record: Record<string, string>; info: { lines: number } }[];
  try {
    rows = parse(await readFile(path), {
      bom: true,
      columns: (header: string[]) => header.map((name) => name.toLowerCase()),
      info: true,
      skip_empty_lines: true,
      trim: true,
    });
  } catch (error) {
    throw new UserError(`Cannot read ${path}: ${messageOf(error)}`);
  }
  const entries = rows.map(({ record, info }) => {
    const { file = '', class: className = '' } = record;
    if (file === '' || className === '')
      throw new UserError(`${path} line ${info.lines}: it names no ${file === '' ? 'file' : 'class'}.`);
    // As the manifest of generated faces calls those that it has in a csv.
    const csv = /^(.+\.csv) line \d+$/.exec(file)?.[1];
    if (csv !== undefined)
      throw new UserError(
        `${path} tells of the rows of ${csv}, expected a list of image files. Name the rows themselves: ` +
          `--data ${join(dirname(path), csv)}`,
      );
    checkClassName(className, `${path} line ${info.lines}`);
    return { file: resolve(dirname(path), file), className, line: info.lines };
  });
  const classNames = [...new Set(entries.map(({ className }) => className))].sort((a, b) => (a < b ? -1 : 1));
  if (classNames.length > 256) throw new UserError(`${path} names ${classNames.length} classes, expected at most 256.`);
  return {
    classNames,
    files: entries.map(({ file }) => file),
    labels: entries.map(({ className }) => classNames.indexOf(className)),
    nameOf: (i) => `${path} line ${entries[i]!.line}: ${entries[i]!.file}`,
    skipped: [],
  };
}
