import { alignment, type Place } from './memory-plan.js';
import type { Schedule } from './order.js';

/** What native/runtime/plan.h reads. */
export interface EncodedPlan {
  readonly calls: Int32Array;
  readonly attrs: Float64Array;
  /** Which calls may run side by side. */
  readonly turns: Int32Array;
  /** Bindings of inputs and outputs: tensors that are others in every run. */
  readonly moving: Int32Array;
}

export function encode(
  { calls, turns }: Schedule,
  places: ReadonlyMap<number, Place>,
  kernelNumber: (kernel: string) => number,
): Omit<EncodedPlan, 'moving'> {
  const numbers: number[] = [];
  for (const { kernel, precision, inputs, outputs, attrs } of calls) {
    numbers.push(kernelNumber(kernel), precision, inputs.length, outputs.length, attrs.length);
    for (const { value, dtype, dims } of [...inputs, ...outputs]) {
      const { binding, offset } = places.get(value)!;
      numbers.push(binding, offset / alignment, dtype, dims.length, ...dims);
    }
  }
  return {
    calls: Int32Array.from(numbers),
    attrs: Float64Array.from(calls.flatMap(({ attrs }) => attrs)),
    turns: Int32Array.from(turns.flatMap(({ lane, after }) => [lane, after.length, ...after])),
  };
}
