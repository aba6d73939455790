import { inPlaceInputs } from './in-place.js';
import type { Schedule } from './order.js';
import type { Call, Value } from './recorder.js';

/** Where a value lies: bytes from the start of a binding. */
export interface Place {
  readonly binding: number;
  readonly offset: number;
}

/** Number of the binding that holds what lives only during a run. */
export const arena = 0;

/** Every tensor starts at a multiple of this, as buffers do; must match Plan::kOffsetUnit (native/runtime/plan.h). */
export const alignment = 64;

/** Memory that values have one after the other. */
interface Room {
  readonly bytes: number;
  /** The call that writes it first, and all that use it. */
  readonly first: number;
  readonly uses: number[];
  /** The value that lies there now. */
  holder: number;
  offset: number;
}

/**
 * Gives each value that has no place yet one in an arena, so that values that may live at the same
 * time lie apart. A result takes the place of an operand that nobody reads later, where its
 * kernel can work in place.
 * @param bound places of values that live elsewhere
 * @returns places of all values, and the size of the arena in bytes
 */
export function planMemory(
  { calls, before }: Schedule,
  values: readonly Value[],
  bound: ReadonlyMap<number, Place>,
): { places: Map<number, Place>; arenaBytes: number } {
  const uses = usesOf(calls);
  const rooms = new Map<number, Room>();
  calls.forEach((call, at) => {
    for (const { value } of call.inputs)
      if (!bound.has(value) && !rooms.has(value))
        throw new Error(`${call.kernel} reads a tensor before it is written.`);
    call.outputs.forEach(({ value }, output) => {
      if (bound.has(value) || rooms.has(value)) return;
      const { bytes } = values[value]!;
      const heirless = inPlaceInputs(call, output)
        .map((i) => call.inputs[i]!.value)
        .filter((input) => uses.get(input)!.every((use) => use === at || before(use, at)))
        .map((input) => ({ input, room: rooms.get(input) }))
        .find(({ input, room }) => room?.bytes === bytes && room.holder === input)?.room;
      const room = heirless ?? { bytes, first: at, uses: [], holder: value, offset: 0 };
      room.uses.push(...uses.get(value)!);
      room.holder = value;
      rooms.set(value, room);
    });
  });
  const arenaBytes = layOut([...new Set(rooms.values())], before);
  const places = new Map(bound);
  for (const [value, { offset }] of rooms) places.set(value, { binding: arena, offset });
  return { places, arenaBytes };
}

/** The calls that read or write each value, in their order. */
export function usesOf(calls: readonly Call[]): Map<number, number[]> {
  const uses = new Map<number, number[]>();
  calls.forEach((call, at) => {
    for (const value of new Set([...call.inputs, ...call.outputs].map(({ value }) => value))) {
      const known = uses.get(value);
      if (known) known.push(at);
      else uses.set(value, [at]);
    }
  });
  return uses;
}

/**
 * Sets every room's offset: the largest first, each at the lowest gap among those that may be in use at
 * the same time that takes it ("greedy by size", Pisarchyk & Lee 2020). Returns the bytes needed.
 */
function layOut(rooms: readonly Room[], before: Schedule['before']): number {
  const ends = (room: Room, other: Room): boolean => room.uses.every((use) => before(use, other.first));
  const placed: Room[] = []; // by offset
  let needed = 0;
  for (const room of [...rooms].sort((a, b) => b.bytes - a.bytes || a.first - b.first)) {
    let offset = 0;
    for (const other of placed) {
      if (ends(room, other) || ends(other, room)) continue;
      if (other.offset >= offset + room.bytes) break;
      offset = Math.max(offset, aligned(other.offset + other.bytes));
    }
    room.offset = offset;
    needed = Math.max(needed, offset + room.bytes);
    placed.splice(placed.findIndex((other) => other.offset > offset) >>> 0, 0, room);
  }
  return needed;
}

const aligned = (bytes: number): number => Math.ceil(bytes / alignment) * alignment;
