import type { Call } from './recorder.js';

/** Leaves out calls whose results nobody reads. @param wanted values that are read after the last call */
export function withoutDeadCode(calls: readonly Call[], wanted: Iterable<number>): Call[] {
  const live = new Set(wanted);
  const kept: Call[] = [];
  for (const call of [...calls].reverse()) {
    if (!call.outputs.some(({ value }) => live.has(value))) continue;
    for (const { value } of call.inputs) live.add(value);
    kept.push(call);
  }
  return kept.reverse();
}

/** How often each value is read. @param wanted values that are read once more after the last call */
export function readsOf(calls: readonly Call[], wanted: Iterable<number>): Map<number, number> {
  const reads = new Map<number, number>();
  for (const value of [...wanted, ...calls.flatMap(({ inputs }) => inputs.map((input) => input.value))])
    reads.set(value, (reads.get(value) ?? 0) + 1);
  return reads;
}

/** The first call that writes each value, by its position. */
export function makersOf(calls: readonly Call[]): Map<number, number> {
  const makers = new Map<number, number>();
  calls.forEach((call, at) => {
    for (const { value } of call.outputs) if (!makers.has(value)) makers.set(value, at);
  });
  return makers;
}
