import { unzipSync } from 'fflate';
import { messageOf, UserError } from '../base/errors.js';
import { fromHalf } from './half.js';
import type { HostParams } from './network.js';

/**
 * Reads numpy's npz: a zip of npy arrays (NEP 1). Arrays of float16, float32, float64, int32 and
 * uint8, little-endian, in C or Fortran order.
 * @param file named in errors
 * @throws UserError naming the file and the array at fault
 */
export function parseNpz(bytes: Uint8Array, file: string): HostParams {
  let entries: Record<string, Uint8Array>;
  try {
    entries = unzipSync(bytes);
  } catch (error) {
    throw new UserError(`${file} is cut short or not an npz file (${messageOf(error)}).`);
  }
  const arrays = Object.entries(entries).filter(([name]) => name.endsWith('.npy'));
  if (arrays.length === 0) throw new UserError(`${file} is not an npz file: no .npy array is in it.`);
  return Object.fromEntries(
    arrays.map(([entry, content]) => {
      const name = entry.slice(0, -'.npy'.length);
      return [name, parseNpy(content, `${file}, array ${name}`)];
    }),
  );
}

const readers: Record<string, { width: number; read(buffer: ArrayBuffer): Float32Array }> = {
  '<f2': { width: 2, read: (buffer) => fromHalf(buffer) },
  '<f4': { width: 4, read: (buffer) => new Float32Array(buffer) },
  '<f8': { width: 8, read: (buffer) => Float32Array.from(new Float64Array(buffer)) },
  '<i4': { width: 4, read: (buffer) => Float32Array.from(new Int32Array(buffer)) },
  '|u1': { width: 1, read: (buffer) => Float32Array.from(new Uint8Array(buffer)) },
};

const magic = '\x93NUMPY';

function parseNpy(bytes: Uint8Array, where: string): HostParams[string] {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < 12 || text.toString('latin1', 0, magic.length) !== magic)
    throw new UserError(`${where} is not in numpy's npy format.`);
  // Version 1 has a header length of 2 bytes, later ones of 4.
  const lengthBytes = bytes[magic.length] === 1 ? 2 : 4;
  const headerStart = magic.length + 2 + lengthBytes;
  const dataStart = headerStart + text.readUIntLE(magic.length + 2, lengthBytes);
  const header = text.toString('latin1', headerStart, dataStart);
  const descr = /'descr':\s*'([^']*)'/.exec(header)?.[1];
  const fortran = /'fortran_order':\s*(True|False)/.exec(header)?.[1];
  const dims = /'shape':\s*\(([\d,\s]*)\)/.exec(header)?.[1];
  if (dims === undefined || fortran === undefined)
    throw new UserError(`${where} has a broken npy header: ${header.trim().slice(0, 80)}`);
  const reader = descr === undefined ? undefined : readers[descr];
  if (!reader)
    throw new UserError(
      `${where}: expected one of ${Object.keys(readers).join(', ')} but it is ${descr ?? 'a record'}.`,
    );
  const shape = dims
    .split(',')
    .filter((dim) => dim.trim() !== '')
    .map(Number);
  const needed = shape.reduce((a, b) => a * b, 1) * reader.width;
  if (bytes.length - dataStart !== needed)
    throw new UserError(
      `${where}: shape [${shape.join(', ')}] of ${descr} needs ${needed} bytes but ${bytes.length - dataStart} are there.`,
    );
  const values = reader.read(new Uint8Array(bytes.subarray(dataStart)).buffer);
  return { shape, values: fortran === 'True' ? fromFortran(values, shape) : values };
}

/** Column-major to row-major. */
function fromFortran(values: Float32Array, shape: readonly number[]): Float32Array {
  const out = new Float32Array(values.length);
  const index = shape.map(() => 0);
  for (const value of values) {
    out[index.reduce((at, i, axis) => at * shape[axis]! + i, 0)] = value;
    for (let axis = 0; axis < shape.length; axis++) {
      index[axis]!++;
      if (index[axis]! < shape[axis]!) break;
      index[axis] = 0;
    }
  }
  return out;
}
