import type { TensorInfo } from '@tensorflow/tfjs-core';
import { dtypes, type NativeDType } from '../dtypes.js';

const attr = new Float64Array(1);
const halves = new Int32Array(attr.buffer);

/**
 * Writes kernel calls as native/tensorflow/encoded_call.h reads them. Arrays are made once for each
 * power of two and used again, so a call's is good until the next one.
 */
export class CallEncoder {
  private readonly arrays: Int32Array[] = [];

  encode(
    kernel: number,
    precision: number,
    inputs: readonly TensorInfo[],
    outputs: readonly TensorInfo[],
    attrs: readonly number[],
  ): Int32Array {
    let length = 5 + 2 * attrs.length;
    for (const { shape } of inputs) length += 2 + shape.length;
    for (const { shape } of outputs) length += 2 + shape.length;
    const numbers = this.arrayFor(length);
    numbers[0] = kernel;
    numbers[1] = precision;
    numbers[2] = inputs.length;
    numbers[3] = outputs.length;
    numbers[4] = attrs.length;
    let at = 5;
    for (const value of attrs) {
      attr[0] = value;
      numbers[at++] = halves[0]!;
      numbers[at++] = halves[1]!;
    }
    for (const info of inputs) at = write(numbers, at, info);
    for (const info of outputs) at = write(numbers, at, info);
    return numbers;
  }

  private arrayFor(length: number): Int32Array {
    const sizeClass = Math.max(6, Math.ceil(Math.log2(length)));
    return (this.arrays[sizeClass] ??= new Int32Array(2 ** sizeClass));
  }
}

function write(numbers: Int32Array, start: number, { dtype, shape }: TensorInfo): number {
  let at = start;
  numbers[at++] = dtypes[dtype as NativeDType];
  numbers[at++] = shape.length;
  for (const dim of shape) numbers[at++] = dim;
  return at;
}
