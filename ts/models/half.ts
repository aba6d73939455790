import { getFloat16 } from '@petamoriken/float16';

/** Little-endian half precision numbers as float32. */
export function fromHalf(buffer: ArrayBuffer): Float32Array {
  const view = new DataView(buffer);
  return Float32Array.from({ length: buffer.byteLength / 2 }, (_, i) => getFloat16(view, 2 * i, true));
}
