import { makersOf } from './dead-code.js';
import type { Call } from './recorder.js';

/** Tensors of one call: few enough that it begins soon, and enough to keep a GPU busy. */
const together = 8;

/**
 * Cuts updates of weights by when their gradients are there, so that a device which runs calls side by side updates
 * some weights while it still computes gradients of others. The bits stay the same.
 */
export function withEarlyUpdates(calls: readonly Call[]): Call[] {
  const makers = makersOf(calls);
  return calls.flatMap((call) => {
    const n = call.outputs.length / 3;
    if (call.kernel !== 'AdamUpdate' || n <= together) return [call];
    const whenReady = (tensor: number): number =>
      Math.max(...gradientOf(call, tensor).map(({ value }) => makers.get(value) ?? -1));
    const order = Array.from({ length: n }, (_, tensor) => tensor).sort((a, b) => whenReady(a) - whenReady(b) || a - b);
    return Array.from({ length: Math.ceil(n / together) }, (_, part) =>
      updateOf(call, order.slice(part * together, (part + 1) * together)),
    );
  });
}

/** The terms of a tensor's gradient; see native/arguments/adam.h for the order of inputs. */
function gradientOf({ inputs, outputs, attrs }: Call, tensor: number) {
  const n = outputs.length / 3;
  const second = attrs.indexOf(tensor);
  return [inputs[1 + n + tensor]!, ...(second < 0 ? [] : [inputs[1 + 4 * n + second]!])];
}

/** The update of some of the tensors alone. */
function updateOf(call: Call, tensors: readonly number[]): Call {
  const { inputs, outputs } = call;
  const n = outputs.length / 3;
  const seconds = tensors.map((tensor) => gradientOf(call, tensor)[1]);
  return {
    ...call,
    inputs: [
      inputs[0]!,
      ...[0, 1, 2, 3].flatMap((list) => tensors.map((tensor) => inputs[1 + list * n + tensor]!)),
      ...seconds.flatMap((second) => second ?? []),
    ],
    outputs: [0, 1, 2].flatMap((list) => tensors.map((tensor) => outputs[list * n + tensor]!)),
    attrs: seconds.flatMap((second, tensor) => (second ? [tensor] : [])),
  };
}
