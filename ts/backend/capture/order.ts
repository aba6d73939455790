import type { Call } from './recorder.js';

/** When a call runs: after those before it in its lane, and after some others. */
export interface Turn {
  readonly lane: number;
  /** Positions of calls in other lanes. */
  readonly after: readonly number[];
}

/** Calls as a device is to run them: each comes after those that it needs. */
export interface Schedule {
  readonly calls: readonly Call[];
  /** Of each call. */
  readonly turns: readonly Turn[];
  /** Whether one call has ended when another one begins. */
  readonly before: (call: number, other: number) => boolean;
}

/** One call after the other. */
export const inSequence = (calls: readonly Call[]): Schedule => ({
  calls,
  turns: calls.map(() => ({ lane: 0, after: [] })),
  before: (call, other) => call < other,
});

/**
 * Puts calls into lanes that run side by side, by list scheduling: of the calls that can begin first, the one with
 * the longest way to the end comes next (Graham 1969; Hu 1961), in the lane of what it waited for longest, if that
 * is free.
 * @param dependencies positions of the calls that each call must come after; all of them are earlier
 */
export function inLanes(calls: readonly Call[], dependencies: readonly (readonly number[])[], lanes: number): Schedule {
  const { order, laneOf } = planned(calls, dependencies, lanes);
  const position = new Map(order.map((call, at) => [call, at]));
  const past = new Pasts(calls.length);
  const last = new Map<number, number>();
  const turns = order.map((call, at): Turn => {
    const lane = laneOf[call]!;
    const previous = last.get(lane);
    if (previous !== undefined) past.add(at, previous);
    // The latest first: most others are in their past.
    const needed = dependencies[call]!.map((other) => position.get(other)!).sort((a, b) => b - a);
    const after = needed.filter((other) => {
      if (past.has(at, other)) return false;
      past.add(at, other);
      return true;
    });
    last.set(lane, at);
    return { lane, after };
  });
  return {
    calls: order.map((call) => calls[call]!),
    turns,
    before: (call, other) => past.has(other, call),
  };
}

/** For each call, all that have ended when it begins. */
class Pasts {
  private readonly words: number;
  private readonly bits: Uint32Array;

  constructor(calls: number) {
    this.words = Math.ceil(calls / 32);
    this.bits = new Uint32Array(calls * this.words);
  }

  /** `other`, whose own past is complete, comes before `call`. */
  add(call: number, other: number): void {
    const { words, bits } = this;
    for (let word = 0; word < words; word++) bits[call * words + word]! |= bits[other * words + word]!;
    bits[call * words + (other >>> 5)]! |= 1 << (other & 31);
  }

  has(call: number, other: number): boolean {
    return ((this.bits[call * this.words + (other >>> 5)]! >>> (other & 31)) & 1) === 1;
  }
}

/** How long a call takes is not known; those of many operands have many kernels, but for updates, which have one. */
const costOf = ({ kernel, inputs, outputs }: Call): number =>
  kernel === 'AdamUpdate' ? 4 : inputs.length + outputs.length;

/** @returns the calls in the order in which they are to begin, and the lane of each */
function planned(calls: readonly Call[], dependencies: readonly (readonly number[])[], lanes: number) {
  const cost = calls.map(costOf);
  const successors: number[][] = calls.map(() => []);
  dependencies.forEach((needed, call) => needed.forEach((other) => successors[other]!.push(call)));
  const toEnd = new Float64Array(calls.length);
  for (let call = calls.length - 1; call >= 0; call--)
    toEnd[call] = cost[call]! + Math.max(0, ...successors[call]!.map((other) => toEnd[other]!));

  const waits = dependencies.map((needed) => needed.length);
  const end = new Float64Array(calls.length);
  const free = new Float64Array(lanes);
  const last = Array<number | undefined>(lanes);
  const laneOf = new Int32Array(calls.length);
  const order: number[] = [];
  const readyAt = (call: number): number => Math.max(0, ...dependencies[call]!.map((other) => end[other]!));
  const ready = new Map<number, number>();
  calls.forEach((_, call) => waits[call] === 0 && ready.set(call, 0));
  while (ready.size > 0) {
    const soonest = Math.min(...free);
    const begins = (time: number): number => Math.max(time, soonest);
    const [call, since] = [...ready].reduce((a, b) => {
      const sooner = begins(b[1]) - begins(a[1]) || toEnd[a[0]]! - toEnd[b[0]]! || b[0] - a[0];
      return sooner < 0 ? b : a;
    });
    ready.delete(call);
    const start = begins(since);
    const open = [...free.keys()].filter((lane) => free[lane]! <= start);
    const awaited = dependencies[call]!.reduce<number | undefined>(
      (a, b) => (a === undefined || end[b]! > end[a]! ? b : a),
      undefined,
    );
    const lane =
      open.find((lane) => awaited !== undefined && last[lane] === awaited) ??
      open.reduce((a, b) => (free[b]! < free[a]! ? b : a));
    laneOf[call] = lane;
    last[lane] = call;
    free[lane] = end[call] = start + cost[call]!;
    order.push(call);
    for (const other of successors[call]!) {
      waits[other]!--;
      if (waits[other] === 0) ready.set(other, readyAt(other));
    }
  }
  return { order, laneOf };
}
