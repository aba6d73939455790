import type { Place } from './memory-plan.js';
import type { Call } from './recorder.js';

/**
 * For each call, those that it must come after: what made what it reads, and who last read or wrote what it writes.
 * Values share memory where `bound` gives them the same place, and nowhere else.
 * @returns positions of earlier calls, ascending
 */
export function dependenciesOf(calls: readonly Call[], bound: ReadonlyMap<number, Place>): number[][] {
  const uses = new Map<string, { writer: number | undefined; readers: number[] }>();
  const usesOf = (value: number) => {
    const place = bound.get(value);
    const key = place ? `${place.binding} ${place.offset}` : `${value}`;
    let found = uses.get(key);
    if (!found) uses.set(key, (found = { writer: undefined, readers: [] }));
    return found;
  };
  return calls.map(({ inputs, outputs }, at) => {
    const found = new Set<number>();
    const need = (call: number | undefined): void => {
      if (call !== undefined && call !== at) found.add(call);
    };
    for (const { value } of inputs) {
      const use = usesOf(value);
      need(use.writer);
      use.readers.push(at);
    }
    for (const { value } of outputs) {
      const use = usesOf(value);
      need(use.writer);
      use.readers.forEach(need);
      use.writer = at;
      use.readers = [];
    }
    return [...found].sort((a, b) => a - b);
  });
}
