import { alignment, type Place } from './memory-plan.js';
import type { Call } from './recorder.js';

/** Calls as native/runtime/plan.h reads them. */
export function encode(
  calls: readonly Call[],
  places: ReadonlyMap<number, Place>,
  kernelNumber: (kernel: string) => number,
): { calls: Int32Array; attrs: Float64Array } {
  const numbers: number[] = [];
  for (const { kernel, precision, inputs, outputs, attrs } of calls) {
    numbers.push(kernelNumber(kernel), precision, inputs.length, outputs.length, attrs.length);
    for (const { value, dtype, dims } of [...inputs, ...outputs]) {
      const { binding, offset } = places.get(value)!;
      numbers.push(binding, offset / alignment, dtype, dims.length, ...dims);
    }
  }
  return { calls: Int32Array.from(numbers), attrs: Float64Array.from(calls.flatMap(({ attrs }) => attrs)) };
}
