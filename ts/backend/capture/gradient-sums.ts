import { readsOf } from './dead-code.js';
import { elementsOf } from './in-place.js';
import type { Call, Operand } from './recorder.js';

/**
 * Lets updates of weights add up gradients of two terms themselves, where nobody else reads the sum:
 * a call less for each, and no memory for it. The bits stay the same. See native/arguments/adam.h.
 * @param wanted values that are read after the last call
 */
export function withGradientSums(calls: readonly Call[], wanted: Iterable<number>): Call[] {
  const reads = readsOf(calls, wanted);
  const sums = new Map<number, Call>();
  for (const call of calls)
    if (call.kernel === 'Add' && call.inputs.every((input) => elementsOf(input) === elementsOf(call.outputs[0]!)))
      sums.set(call.outputs[0]!.value, call);
  const gone = new Set<Call>();
  const updated = calls.map((call) => {
    if (call.kernel !== 'AdamUpdate') return call;
    const inputs = [...call.inputs];
    const seconds: { tensor: number; operand: Operand }[] = [];
    const n = call.outputs.length / 3;
    for (let tensor = 0; tensor < n; tensor++) {
      const sum = sums.get(inputs[1 + n + tensor]!.value);
      if (!sum || reads.get(sum.outputs[0]!.value) !== 1) continue;
      inputs[1 + n + tensor] = sum.inputs[0]!;
      seconds.push({ tensor, operand: sum.inputs[1]! });
      gone.add(sum);
    }
    return {
      ...call,
      inputs: [...inputs, ...seconds.map(({ operand }) => operand)],
      attrs: seconds.map(({ tensor }) => tensor),
    };
  });
  return updated.filter((call) => !gone.has(call));
}
