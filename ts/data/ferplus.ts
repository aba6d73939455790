import { parse } from 'csv-parse';
import { createReadStream } from 'node:fs';
import { messageOf, UserError } from '../base/errors.js';
import { ferPlusColumns } from './classes.js';
import { usageOf, type Usage } from './face-set.js';

export interface FerPlusVotes {
  readonly file: string;
  readonly count: number;
  /** [count, 10] */
  readonly votes: Float32Array;
  readonly usage: readonly (Usage | undefined)[];
  /** Line of the file that each row stands on; the header is line 1. */
  readonly lines: readonly number[];
  /** Row (from 0) to what is wrong with it. */
  readonly bad: ReadonlyMap<number, string>;
}

/**
 * Reads the votes of FER+ (Barsoum et al. 2016) as Microsoft publishes them, fer2013new.csv: Usage,
 * Image name, and a count for each of {@link ferPlusColumns}.
 * @param skipBad note bad rows instead of stopping at the first
 * @throws UserError naming the file and the line (the header is line 1)
 */
export async function readFerPlus(file: string, skipBad: boolean): Promise<FerPlusVotes> {
  const votes: number[] = [];
  const usage: (Usage | undefined)[] = [];
  const lines: number[] = [];
  const bad = new Map<number, string>();
  let columns: number[] | undefined;
  let usageColumn = -1;
  const parser = parse({ bom: true, info: true, relax_column_count: true, skip_empty_lines: true, trim: true });
  const source = createReadStream(file);
  source.on('error', (error) => parser.destroy(error));
  try {
    for await (const { record, info } of source.pipe(parser) as AsyncIterable<{
      record: string[];
      info: { lines: number };
    }>) {
      if (!columns) {
        const header = record.map((name) => name.toLowerCase());
        columns = ferPlusColumns.map((name) => header.indexOf(name.toLowerCase()));
        usageColumn = header.indexOf('usage');
        if (columns.includes(-1))
          throw new UserError(
            `${file} line 1: expected a header with the columns ${ferPlusColumns.join(', ')}, ` +
              `but it reads '${record.join(',').slice(0, 100)}'.`,
          );
        continue;
      }
      const counts = columns.map((column) => Number(record[column] === '' ? NaN : record[column]));
      const wrong = counts.findIndex((count) => !(Number.isInteger(count) && count >= 0));
      if (wrong >= 0) {
        const why =
          `${file} line ${info.lines}: the votes for ${ferPlusColumns[wrong]} are ` +
          `'${record[columns[wrong]!] ?? ''}', expected an integer from 0.`;
        if (!skipBad) throw new UserError(why);
        bad.set(usage.length, why);
      }
      votes.push(...counts);
      lines.push(info.lines);
      usage.push(usageOf(record[usageColumn] ?? ''));
    }
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`Cannot read ${file}: ${messageOf(error)}`);
  } finally {
    source.destroy();
  }
  if (usage.length === 0) throw new UserError(`${file} holds no votes.`);
  return { file, count: usage.length, votes: Float32Array.from(votes), usage, lines, bad };
}
