import { setFloat16 } from '@petamoriken/float16';
import { z } from 'zod';
import { UserError } from '../base/errors.js';
import { fromHalf } from './half.js';
import type { HostParams } from './network.js';

/**
 * The safetensors format (github.com/huggingface/safetensors): the header's length as a
 * little-endian 64-bit number, a JSON header, then the tensors without gaps, little-endian and
 * row-major. This file assumes a little-endian machine, as Node's builds all are but one.
 */
const lengthBytes = 8;
/** The reference reader's limit. */
const maxHeaderBytes = 100_000_000;

export type WeightDType = 'float32' | 'float16';

/** Values from here on round to infinity in half precision. */
const halfOverflow = 65520;

const widths = { F64: 8, F32: 4, F16: 2, BF16: 2, I32: 4, U8: 1 } as const;
type StoredDType = keyof typeof widths;
const storedAs = { float32: 'F32', float16: 'F16' } as const satisfies Record<WeightDType, StoredDType>;

const count = z.int().min(0);
const tensorSchema = z.strictObject({
  dtype: z.string(),
  shape: z.array(count),
  data_offsets: z.tuple([count, count]),
});
const metadataSchema = z.record(z.string(), z.string());

interface Parsed {
  readonly params: HostParams;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * @param file named in errors
 * @throws UserError for anything but a whole, consistent file of numbers
 */
export function parseSafetensors(bytes: Uint8Array, file: string): Parsed {
  const { header, dataStart } = readHeader(bytes, file);
  const { __metadata__: rawMetadata, ...rawTensors } = header;
  const metadata = metadataSchema.optional().safeParse(rawMetadata);
  if (!metadata.success)
    throw new UserError(`${file} is not a safetensors file: its metadata is not a map of strings.`);

  const tensors = Object.entries(rawTensors).map(([name, raw]) => ({ name, ...checkTensor(name, raw, file) }));
  checkLayout(tensors, bytes.length - dataStart, file);
  return {
    metadata: metadata.data ?? {},
    params: Object.fromEntries(
      tensors.map(({ name, dtype, shape, start, end }) => [
        name,
        { shape, values: toFloat32(new Uint8Array(bytes.subarray(dataStart + start, dataStart + end)).buffer, dtype) },
      ]),
    ),
  };
}

function readHeader(bytes: Uint8Array, file: string): { header: Record<string, unknown>; dataStart: number } {
  if (bytes.length < lengthBytes)
    throw new UserError(`${file} is not a weight file: it has ${bytes.length} bytes, expected safetensors or npz.`);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length > maxHeaderBytes)
    throw new UserError(
      `${file} is not a weight file: expected safetensors or npz (its header would have ${length} bytes).`,
    );
  const dataStart = lengthBytes + Number(length);
  if (dataStart > bytes.length)
    throw new UserError(
      `${file} is cut short: it has ${bytes.length} bytes and its header alone ends at ${dataStart}.`,
    );
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(lengthBytes, dataStart)));
  } catch {
    throw new UserError(`${file} is not a safetensors file: its header is not JSON.`);
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw new UserError(`${file} is not a safetensors file: its header is not a JSON object.`);
  return { header: header as Record<string, unknown>, dataStart };
}

interface TensorEntry {
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  readonly start: number;
  readonly end: number;
}

function checkTensor(name: string, raw: unknown, file: string): TensorEntry {
  const parsed = tensorSchema.safeParse(raw);
  if (!parsed.success)
    throw new UserError(`${file}, tensor ${name}: its header entry is broken (${parsed.error.issues[0]!.message}).`);
  const { dtype, shape, data_offsets } = parsed.data;
  if (!Object.hasOwn(widths, dtype))
    throw new UserError(
      `${file}, tensor ${name}: expected one of ${Object.keys(widths).join(', ')} but it is ${dtype}.`,
    );
  const [start, end] = data_offsets;
  const needed = shape.reduce((a, b) => a * b, 1) * widths[dtype as StoredDType];
  if (end - start !== needed)
    throw new UserError(
      `${file}, tensor ${name}: shape [${shape.join(', ')}] of ${dtype} needs ${needed} bytes but it has ${end - start}.`,
    );
  return { dtype: dtype as StoredDType, shape, start, end };
}

/** Tensors must fill the data without gaps or overlaps, as the format demands. */
function checkLayout(tensors: readonly ({ name: string } & TensorEntry)[], dataBytes: number, file: string): void {
  let end = 0;
  for (const tensor of [...tensors].sort((a, b) => a.start - b.start || a.end - b.end)) {
    if (tensor.start !== end)
      throw new UserError(`${file}, tensor ${tensor.name}: it starts at byte ${tensor.start}, expected ${end}.`);
    end = tensor.end;
  }
  if (end > dataBytes)
    throw new UserError(`${file} is cut short: its tensors need ${end} bytes and ${dataBytes} are there.`);
  if (end < dataBytes)
    throw new UserError(`${file} is not a safetensors file: ${dataBytes - end} bytes follow its tensors.`);
}

function toFloat32(buffer: ArrayBuffer, dtype: StoredDType): Float32Array {
  switch (dtype) {
    case 'F32':
      return new Float32Array(buffer);
    case 'F16':
      return fromHalf(buffer);
    case 'BF16': {
      // The upper half of a float32.
      const bits = Uint32Array.from(new Uint16Array(buffer), (half) => half << 16);
      return new Float32Array(bits.buffer);
    }
    case 'F64':
      return Float32Array.from(new Float64Array(buffer));
    case 'I32':
      return Float32Array.from(new Int32Array(buffer));
    case 'U8':
      return Float32Array.from(new Uint8Array(buffer));
  }
}

/**
 * The bytes of a safetensors file.
 * @param file named in errors
 * @throws UserError when a finite value is beyond half precision (65504)
 */
export function encodeSafetensors(
  params: HostParams,
  metadata: Readonly<Record<string, string>>,
  dtype: WeightDType,
  file: string,
): Uint8Array {
  const stored = storedAs[dtype];
  const header: Record<string, unknown> = {};
  if (Object.keys(metadata).length > 0) header['__metadata__'] = metadata;
  let end = 0;
  for (const [name, { shape, values }] of Object.entries(params)) {
    if (name === '__metadata__') throw new Error(`No tensor may be called ${name}.`);
    const size = shape.reduce((a, b) => a * b, 1);
    if (size !== values.length)
      throw new Error(`Tensor ${name} has ${values.length} values but its shape [${shape.join(', ')}] holds ${size}.`);
    const start = end;
    end += values.length * widths[stored];
    header[name] = { dtype: stored, shape, data_offsets: [start, end] };
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  // Spaces after the JSON align the tensors.
  const dataStart = Math.ceil((lengthBytes + json.length) / 8) * 8;
  const bytes = new Uint8Array(dataStart + end).fill(0x20, 0, dataStart);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(dataStart - lengthBytes), true);
  bytes.set(json, lengthBytes);
  let at = dataStart;
  for (const [name, { values }] of Object.entries(params)) {
    if (dtype === 'float32') new Float32Array(bytes.buffer, at, values.length).set(values);
    else writeHalf(new DataView(bytes.buffer, at), values, name, file);
    at += values.length * widths[stored];
  }
  return bytes;
}

function writeHalf(target: DataView, values: Float32Array, name: string, file: string): void {
  for (let i = 0; i < values.length; i++) {
    if (Math.abs(values[i]!) >= halfOverflow && Number.isFinite(values[i]))
      throw new UserError(
        `Cannot write ${file} in half precision: tensor ${name} holds ${values[i]}, beyond 65504. Write float32.`,
      );
    setFloat16(target, 2 * i, values[i]!, true);
  }
}
