/** A byte that no pixel list may hold, or a number out of range. */
export type PixelFault = { readonly why: string };

const space = 0x20;
const zero = 0x30;

/**
 * Reads "70 80 82 ..." into bytes: decimal numbers 0..255 between blanks. Splitting the text first
 * would take most of the time it takes to load a data set.
 * @param text of ASCII, from `start` up to `end`
 * @param out takes exactly its own length of numbers
 * @returns what is wrong with the list, if anything
 */
export function scanPixels(text: Uint8Array, start: number, end: number, out: Uint8Array): PixelFault | undefined {
  let count = 0;
  let at = start;
  while (at < end) {
    let byte = text[at]!;
    if (byte === space || byte === 0x09) {
      at++;
      continue;
    }
    const from = at;
    let value = 0;
    while (at < end && (byte = text[at]!) !== space && byte !== 0x09) {
      const digit = byte - zero;
      value = digit >= 0 && digit <= 9 ? value * 10 + digit : Number.NaN;
      at++;
    }
    if (!(value <= 255)) {
      const token = Buffer.from(text.subarray(from, Math.min(at, from + 20))).toString();
      return { why: `pixel ${count + 1} is '${token}', expected an integer from 0 to 255` };
    }
    if (count < out.length) out[count] = value;
    count++;
  }
  return count === out.length ? undefined : { why: `it has ${count} pixels, expected ${out.length}` };
}
