import { getFloat16 } from '@petamoriken/float16';

/** The value of every half precision number by its bits: decoding one by one takes seconds for a weight file. */
let values: Float32Array | undefined;

function makeTable(): Float32Array {
  const view = new DataView(new ArrayBuffer(2));
  const table = new Float32Array(0x10000);
  for (let bits = 0; bits < table.length; bits++) {
    view.setUint16(0, bits, true);
    table[bits] = getFloat16(view, 0, true);
  }
  return table;
}

/** Little-endian half precision numbers as float32. */
export function fromHalf(buffer: ArrayBuffer): Float32Array {
  const table = (values ??= makeTable());
  const halves = new Uint16Array(buffer);
  const result = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) result[i] = table[halves[i]!]!;
  return result;
}
