import { UserError } from '../base/errors.js';
import { ferClasses, ferPlusColumns } from './classes.js';
import { columnsOf } from './csv-header.js';
import { usageNameOf, usageNames, usageOf, type Usage } from './face-set.js';
import { readFerPlus, type FerPlusVotes } from './ferplus.js';
import { CutOff, readLines } from './lines.js';
import { scanPixels } from './pixel-scanner.js';

/** Side of FER2013's images. */
export const ferSize = 48;
const imageBytes = ferSize * ferSize;
/** Rows between two reports of progress. */
const reportEvery = 1000;

export interface FerRows {
  readonly count: number;
  /** [count, 48, 48] */
  readonly pixels: Uint8Array;
  readonly labels: Uint8Array;
  readonly usage?: readonly Usage[];
  /** [count, 10] */
  readonly votes?: Float32Array;
  /** Line of the file that each image stands on; the header is line 1. */
  readonly lines: readonly number[];
  readonly skipped: readonly string[];
}

export interface FerOptions {
  skipBad: boolean;
  usage: 'training' | 'all';
  ferplus: string | null;
  onProgress?: (rows: number) => void;
}

interface Columns {
  readonly emotion: number;
  readonly pixels: number;
  /** -1 where there is none. */
  readonly usage: number;
  readonly count: number;
}

/**
 * Reads FER2013 as csv or csv.gz: `emotion`, `pixels` and, if there, `Usage`, in any order, quoted
 * or not. The text passes through memory chunk by chunk.
 * @throws UserError naming the file and the line (the header is line 1)
 */
export async function readFer2013(file: string, options: FerOptions): Promise<FerRows> {
  const { skipBad, onProgress } = options;
  const ferPlus = options.ferplus === null ? undefined : await readFerPlus(options.ferplus, skipBad);
  const rows = new RowCollector(file, options.usage, ferPlus);
  let columns: Columns | undefined;
  let line = 0;
  let row = 0;
  let cutOff = false;
  try {
    for await (const text of readLines(file)) {
      line++;
      if (!columns) {
        columns = readHeader(text, file);
        continue;
      }
      if (text.length === 0) continue;
      const fault = rows.add(text, columns, row++, line);
      if (fault !== undefined) {
        if (!skipBad) throw new UserError(fault);
        rows.skipped.push(fault);
      }
      if (row % reportEvery === 0) onProgress?.(row);
    }
  } catch (error) {
    if (!(error instanceof CutOff && skipBad && columns)) throw error;
    rows.skipped.push(error.message);
    cutOff = true;
  }
  if (!columns) throw new UserError(`${file} is empty, expected FER2013 as csv.`);
  if (ferPlus && (cutOff ? ferPlus.count < row : ferPlus.count !== row))
    throw new UserError(
      `${ferPlus.file} has votes for ${ferPlus.count} images, but ${file} has ${row}: expected row for row the same.`,
    );
  onProgress?.(row);
  return rows.finish();
}

function readHeader(text: Buffer, file: string): Columns {
  const header = columnsOf(text, file);
  const [emotion, pixels, usage] = ['emotion', 'pixels', 'usage'].map((name) => header.indexOf(name)) as [
    number,
    number,
    number,
  ];
  if (emotion < 0 || pixels < 0)
    throw new UserError(
      `${file} line 1: expected a header with the columns emotion and pixels (FER2013) or file and class ` +
        `(a list of images), but it reads '${text.subarray(0, 60).toString()}'.`,
    );
  return { emotion, pixels, usage, count: header.length };
}

class RowCollector {
  readonly skipped: string[] = [];
  private pixels = new Uint8Array(1024 * imageBytes);
  private readonly labels: number[] = [];
  private readonly usage: Usage[] = [];
  private readonly votes: number[] = [];
  private readonly lines: number[] = [];

  constructor(
    private readonly file: string,
    private readonly wanted: 'training' | 'all',
    private readonly ferPlus: FerPlusVotes | undefined,
  ) {}

  /** Takes in a line, unless it is of an unwanted usage. @returns what is wrong with it */
  add(text: Buffer, columns: Columns, row: number, line: number): string | undefined {
    const fault = (why: string) => `${this.file} line ${line}: ${why}.`;
    const fields = fieldsOf(text);
    if (fields.length !== columns.count) return fault(`it has ${fields.length} columns, expected ${columns.count}`);
    const read = (column: number) => text.toString('latin1', ...fields[column]!).trim();

    let usage: Usage | undefined;
    if (columns.usage >= 0) {
      usage = usageOf(read(columns.usage));
      if (!usage) return fault(`its usage is '${read(columns.usage).slice(0, 40)}', expected ${usageNames.join(', ')}`);
      const voted = this.ferPlus?.usage[row];
      if (voted && voted !== usage)
        throw new UserError(
          `${this.ferPlus.file} does not belong to ${this.file}: its line ${this.ferPlus.lines[row]} is of ` +
            `${usageNameOf(voted)}, but line ${line} of the data of ${usageNameOf(usage)}. Expected row for row the same.`,
        );
      if (this.wanted === 'training' && usage !== 'training') return undefined;
    }
    const emotion = read(columns.emotion);
    if (!/^[0-6]$/.test(emotion))
      return fault(`its emotion is '${emotion.slice(0, 40)}', expected 0 to 6 (${ferClasses.join(', ')})`);
    const wrongVotes = this.ferPlus?.bad.get(row);
    if (wrongVotes !== undefined) return wrongVotes;

    const at = this.labels.length * imageBytes;
    this.reserve(at + imageBytes);
    const scanned = scanPixels(text, ...fields[columns.pixels]!, this.pixels.subarray(at, at + imageBytes));
    if (scanned) return fault(scanned.why);
    this.labels.push(Number(emotion));
    this.lines.push(line);
    if (usage) this.usage.push(usage);
    if (this.ferPlus) {
      const width = ferPlusColumns.length;
      this.votes.push(...this.ferPlus.votes.subarray(row * width, (row + 1) * width));
    }
    return undefined;
  }

  finish(): FerRows {
    const count = this.labels.length;
    return {
      count,
      pixels: this.pixels.slice(0, count * imageBytes),
      labels: Uint8Array.from(this.labels),
      ...(this.usage.length > 0 && { usage: this.usage }),
      ...(this.ferPlus && { votes: Float32Array.from(this.votes) }),
      lines: this.lines,
      skipped: this.skipped,
    };
  }

  private reserve(bytes: number): void {
    if (bytes <= this.pixels.length) return;
    const grown = new Uint8Array(2 * this.pixels.length);
    grown.set(this.pixels);
    this.pixels = grown;
  }
}

const comma = 0x2c;
const quote = 0x22;

/** Start and end of each field, without quotes around it. Doubled quotes stay: no field that is read has any. */
function fieldsOf(text: Buffer): [start: number, end: number][] {
  const fields: [number, number][] = [];
  let start = 0;
  while (start <= text.length) {
    const found = text.indexOf(comma, closingQuote(text, start));
    const end = found < 0 ? text.length : found;
    const quoted = end - start >= 2 && text[start] === quote && text[end - 1] === quote;
    fields.push(quoted ? [start + 1, end - 1] : [start, end]);
    start = end + 1;
  }
  return fields;
}

/** Where the quotes of a field that starts there end; the start itself where it has none, or they do not end. */
function closingQuote(text: Buffer, start: number): number {
  if (text[start] !== quote) return start;
  let end = text.indexOf(quote, start + 1);
  while (end >= 0 && text[end + 1] === quote) end = text.indexOf(quote, end + 2);
  return end < 0 ? start : end;
}
