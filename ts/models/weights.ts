import { readFile } from 'node:fs/promises';
import { messageOf, UserError } from '../base/errors.js';
import { writeAtomic } from '../base/files.js';
import type { HostParams } from './network.js';
import { parseNpz } from './npz.js';
import { encodeSafetensors, parseSafetensors, type WeightDType } from './safetensors.js';

export type { WeightDType } from './safetensors.js';

/** A weight file's content. */
export interface WeightFile {
  /** In the file's order; half and double precision come as float32. */
  readonly params: HostParams;
  /** safetensors' `__metadata__`; empty for npz. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Reads a weight file: safetensors, or numpy's npz (told apart by their first bytes).
 * @throws UserError naming the file, and the tensor where one is at fault
 */
export async function readWeights(path: string): Promise<WeightFile> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw new UserError(`Cannot read the weights ${path}: ${messageOf(error)}`);
  }
  const isZip = bytes[0] === 0x50 && bytes[1] === 0x4b;
  return isZip ? { params: parseNpz(bytes, path), metadata: {} } : parseSafetensors(bytes, path);
}

/**
 * Writes a safetensors file, whole or not at all. The same weights give the same bytes.
 * @throws UserError when the file cannot be written, or a value does not fit `dtype`
 */
export async function writeWeights(
  path: string,
  params: HostParams,
  metadata: Readonly<Record<string, string>>,
  dtype: WeightDType,
): Promise<void> {
  await writeAtomic(path, encodeSafetensors(params, metadata, dtype, path));
}
