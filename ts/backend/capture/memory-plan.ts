import { inPlaceInputs } from './in-place.js';
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
  /** Calls between which it is in use, both included. */
  readonly first: number;
  last: number;
  /** The value that lies there now. */
  holder: number;
  offset: number;
}

/**
 * Gives each value that has no place yet one in an arena, so that values that live at the same
 * time lie apart. A result takes the place of an operand that is read for the last time, where its
 * kernel can work in place.
 * @param bound places of values that live elsewhere
 * @returns places of all values, and the size of the arena in bytes
 */
export function planMemory(
  calls: readonly Call[],
  values: readonly Value[],
  bound: ReadonlyMap<number, Place>,
): { places: Map<number, Place>; arenaBytes: number } {
  const lastUse = lastUses(calls);
  const rooms = new Map<number, Room>();
  calls.forEach((call, at) => {
    for (const { value } of call.inputs)
      if (!bound.has(value) && !rooms.has(value))
        throw new Error(`${call.kernel} reads a tensor before it is written.`);
    call.outputs.forEach(({ value }, output) => {
      if (bound.has(value) || rooms.has(value)) return;
      const { bytes } = values[value]!;
      const last = lastUse.get(value)!;
      const heirless = inPlaceInputs(call, output)
        .map((i) => call.inputs[i]!.value)
        .filter((input) => lastUse.get(input) === at)
        .map((input) => ({ input, room: rooms.get(input) }))
        .find(({ input, room }) => room?.bytes === bytes && room.holder === input)?.room;
      const room = heirless ?? { bytes, first: at, last, holder: value, offset: 0 };
      room.last = last;
      room.holder = value;
      rooms.set(value, room);
    });
  });
  const arenaBytes = layOut([...new Set(rooms.values())]);
  const places = new Map(bound);
  for (const [value, { offset }] of rooms) places.set(value, { binding: arena, offset });
  return { places, arenaBytes };
}

/** The last call that reads or writes each value. */
export function lastUses(calls: readonly Call[]): Map<number, number> {
  const last = new Map<number, number>();
  calls.forEach((call, at) => {
    for (const { value } of [...call.inputs, ...call.outputs]) last.set(value, at);
  });
  return last;
}

/**
 * Sets every room's offset: the largest first, each at the lowest gap among those in use at the
 * same time that takes it ("greedy by size", Pisarchyk & Lee 2020). Returns the bytes needed.
 */
function layOut(rooms: readonly Room[]): number {
  const placed: Room[] = []; // by offset
  let needed = 0;
  for (const room of [...rooms].sort((a, b) => b.bytes - a.bytes || a.first - b.first)) {
    let offset = 0;
    for (const other of placed) {
      if (other.first > room.last || other.last < room.first) continue;
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
