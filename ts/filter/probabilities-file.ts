import { parse } from 'csv-parse/sync';
import { readFile } from 'node:fs/promises';
import { messageOf, UserError } from '../base/errors.js';
import type { FaceSet } from '../data/faces.js';

/** The column of a class's probability. */
export const probabilityColumn = (className: string): string => `p_${className}`;

/** How far from 1 a row may sum, since files round. */
const roundingOfSums = 0.01;

/**
 * Reads probabilities of each class for each face, in columns p_<class>; where the file has a column
 * `class`, it must say what the data says.
 * @returns [count, classes], each row scaled to sum to 1
 * @throws UserError naming the file and the line, for a missing column, another number of rows, or no probabilities
 */
export async function readProbabilities(
  file: string,
  { count, classNames, labels }: Pick<FaceSet, 'count' | 'classNames' | 'labels'>,
): Promise<Float32Array> {
  let rows: { record: Record<string, string>; info: { lines: number } }[];
  try {
    rows = parse(await readFile(file), { bom: true, columns: true, info: true, skip_empty_lines: true, trim: true });
  } catch (error) {
    throw new UserError(`Cannot read the probabilities ${file}: ${messageOf(error)}`);
  }
  const columns = classNames.map(probabilityColumn);
  const missing = columns.find((name) => rows[0] && !Object.hasOwn(rows[0].record, name));
  if (missing !== undefined)
    throw new UserError(`${file} line 1: it has no column ${missing}, expected ${columns.join(', ')}.`);
  if (rows.length !== count)
    throw new UserError(`${file} has probabilities of ${rows.length} faces, but the data has ${count}.`);
  const result = new Float32Array(count * classNames.length);
  rows.forEach(({ record, info }, i) => {
    const fault = (why: string) => new UserError(`${file} line ${info.lines}: ${why}.`);
    const own = classNames[labels[i]!]!;
    if (record['class'] !== undefined && record['class'].toLowerCase() !== own.toLowerCase())
      throw fault(`it is of class ${record['class']}, but face ${i + 1} of the data is ${own}`);
    const values = columns.map((name) => (record[name] === '' ? NaN : Number(record[name])));
    const wrong = values.findIndex((value) => !(value >= 0 && value <= 1));
    if (wrong >= 0)
      throw fault(`${columns[wrong]!} is '${record[columns[wrong]!] ?? ''}', expected a number from 0 to 1`);
    const sum = values.reduce((a, b) => a + b, 0);
    if (Math.abs(sum - 1) > roundingOfSums) throw fault(`its probabilities sum to ${sum.toPrecision(4)}, expected 1`);
    result.set(
      values.map((value) => value / sum),
      i * classNames.length,
    );
  });
  return result;
}
