import { dtypes } from '../dtypes.js';
import { makersOf } from './dead-code.js';
import { encode, type EncodedPlan } from './encode.js';
import { dependenciesOf } from './hazards.js';
import { inPlaceInputs } from './in-place.js';
import { arena, planMemory, usesOf, type Place } from './memory-plan.js';
import { inLanes, inSequence } from './order.js';
import type { Call, Program, Value } from './recorder.js';
import { simplified, type Kernels } from './simplify.js';

/** What a recorded function takes and gives, as values of its program. */
export interface Interface {
  /** Read only. */
  readonly inputs: readonly number[];
  /** Inputs whose memory the results of the same position take. */
  readonly state: readonly number[];
  readonly newState: readonly number[];
  readonly outputs: readonly number[];
}

/** A program ready to run. Its bindings: the arena, inputs, state, outputs, then `fixed`. */
export interface Compiled extends EncodedPlan {
  readonly arenaBytes: number;
  /** Values that are the same in every run. */
  readonly fixed: readonly Value[];
}

/**
 * Makes fewer calls of it ({@link simplified}), lets results be written where they are wanted, finds out which calls
 * can run side by side where the device does so, and plans the memory of all that lives in between. What is computed
 * stays the same to the bit.
 */
export function compile(program: Program, ports: Interface, kernels: Kernels): Compiled {
  const { inputs, state, newState, outputs } = ports;
  const values = [...program.values];
  const calls = simplified(program.calls, [...newState, ...outputs], kernels);
  const makers = makersOf(calls);
  const uses = usesOf(calls);
  const places = new Map<number, Place>();
  let bindings = arena + 1;
  const bind = (value: number): number => {
    places.set(value, { binding: bindings, offset: 0 });
    return bindings++;
  };
  const moving = inputs.map(bind);
  state.forEach(bind);

  // Whether `value` can be written over `old`: nobody reads `old` after that, nor while its maker writes, unless in place.
  const mayReplace = (old: number, value: number): boolean => {
    const made = makers.get(value)!;
    const last = uses.get(old)?.at(-1) ?? -1;
    if (last !== made) return last < made;
    const call = calls[made]!;
    const inPlace = inPlaceInputs(
      call,
      call.outputs.findIndex((operand) => operand.value === value),
    );
    return call.inputs.every((operand, i) => operand.value !== old || inPlace.includes(i));
  };

  // New state: in the old one's memory where nobody misses the old, else copied there at the end.
  newState.forEach((value, i) => {
    const old = state[i]!;
    if (value === old) return;
    if (!makers.has(value)) throw new Error('A captured function gave back an input as another part of its state.');
    if (!places.has(value) && mayReplace(old, value)) places.set(value, places.get(old)!);
    else calls.push(copyOf(values, value, old));
  });
  // Outputs: computed in place, or copied if they are something else as well.
  for (const value of outputs) {
    if (!places.has(value) && makers.has(value)) moving.push(bind(value));
    else {
      const copy = values.push({ bytes: values[value]!.bytes }) - 1;
      calls.push(copyOf(values, value, copy));
      moving.push(bind(copy));
    }
  }
  const fixed: Value[] = [];
  const used = new Set(calls.flatMap((call) => call.inputs.map(({ value }) => value)));
  for (const value of used) {
    const { constant, outer } = values[value]!;
    if (places.has(value) || !(constant ?? outer)) continue;
    fixed.push(values[value]!);
    bind(value);
  }
  const schedule = kernels.lanes > 1 ? inLanes(calls, dependenciesOf(calls, places), kernels.lanes) : inSequence(calls);
  const plan = planMemory(schedule, values, places);
  return {
    ...encode(schedule, plan.places, (kernel) => kernels.kernelNumber(kernel)),
    arenaBytes: plan.arenaBytes,
    moving: Int32Array.from(moving),
    fixed,
  };
}

/** The call that copies one value's bytes into another's place: as bool, whose elements are bytes. */
function copyOf(values: readonly Value[], from: number, to: number): Call {
  const operand = (value: number) => ({ value, dtype: dtypes.bool, dims: [values[from]!.bytes] });
  return { kernel: 'Slice', precision: 0, inputs: [operand(from)], outputs: [operand(to)], attrs: [0] };
}
