import { open, type FileHandle } from 'node:fs/promises';
import { constants, createGunzip } from 'node:zlib';
import { messageOf, UserError } from '../base/errors.js';

const chunkBytes = 1 << 18;
/** More than any line of a data set; a file without line feeds is none. */
const longestLine = 1 << 24;

/** The lines of a file were read up to here; then its gzip stream ended too early, or is damaged. */
export class CutOff extends UserError {}

/**
 * The lines of a text file or of a gzipped one (told by its first bytes), as bytes without line
 * ends, in memory one chunk at a time. A line is valid until the next is asked for.
 * @throws UserError when the file cannot be read; CutOff after the last whole line of a cut-off or damaged gzip
 */
export async function* readLines(path: string): AsyncGenerator<Buffer> {
  let lines = 0;
  let rest: Buffer = Buffer.alloc(0);
  let first = true;
  try {
    for await (const chunk of bytesOf(path)) {
      if (first) checkText(chunk, path);
      first = false;
      const text = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
      let start = 0;
      for (let end = text.indexOf(0x0a, start); end >= 0; end = text.indexOf(0x0a, start)) {
        lines++;
        yield withoutReturn(text.subarray(start, end));
        start = end + 1;
      }
      rest = text.subarray(start);
      if (rest.length > longestLine) throw new UserError(`${path} is no csv: line ${lines + 1} does not end.`);
    }
  } catch (error) {
    if (error instanceof UserError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'Z_BUF_ERROR') throw new CutOff(`${path} is cut off: its gzip stream ends within line ${lines + 1}.`);
    if (code?.startsWith('Z_'))
      throw new CutOff(`Cannot read ${path}: its gzip stream is damaged after line ${lines} (${messageOf(error)}).`);
    throw new UserError(`Cannot read ${path}: ${messageOf(error)}`);
  }
  if (rest.length > 0) yield withoutReturn(rest);
}

/** Refuses text whose lines would not be found. */
function checkText(start: Buffer, path: string): void {
  const [a, b] = start;
  const marked = (a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff);
  // Without a mark, one of the two bytes of a letter is zero.
  if (marked || (start.length > 1 && (a === 0) !== (b === 0)))
    throw new UserError(`${path} is UTF-16, expected UTF-8: save it so, or convert it with iconv -f UTF-16 -t UTF-8.`);
  const end = start.indexOf(0x0d);
  if (end >= 0 && end < start.length - 1 && !start.includes(0x0a))
    throw new UserError(
      `${path} ends its lines with carriage returns alone, expected line feeds: convert it with tr '\\r' '\\n'.`,
    );
}

const withoutReturn = (line: Buffer): Buffer => (line.at(-1) === 0x0d ? line.subarray(0, -1) : line);

/** The bytes of a file, gunzipped where it is gzipped. */
async function* bytesOf(path: string): AsyncGenerator<Buffer> {
  const file = await open(path);
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(2), 0, 2, 0);
    const source = file.createReadStream({ start: 0, highWaterMark: chunkBytes, autoClose: false });
    if (bytesRead < 2 || buffer[0] !== 0x1f || buffer[1] !== 0x8b) {
      yield* source as AsyncIterable<Buffer>;
      return;
    }
    const gunzip = createGunzip({ chunkSize: chunkBytes, finishFlush: constants.Z_FINISH });
    source.on('error', (error) => gunzip.destroy(error));
    try {
      yield* source.pipe(gunzip) as AsyncIterable<Buffer>;
    } finally {
      source.destroy();
      gunzip.destroy();
    }
  } finally {
    await close(file);
  }
}

const close = (file: FileHandle): Promise<void> => file.close().catch(() => undefined);
