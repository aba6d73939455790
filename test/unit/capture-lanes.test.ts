import { describe, expect, test } from 'vitest';
import { withEarlyUpdates } from '../../ts/backend/capture/early-updates.js';
import { dependenciesOf } from '../../ts/backend/capture/hazards.js';
import { arena, planMemory, type Place } from '../../ts/backend/capture/memory-plan.js';
import { inLanes, inSequence, type Schedule } from '../../ts/backend/capture/order.js';
import type { Call, Value } from '../../ts/backend/capture/recorder.js';
import { Philox } from '../../ts/base/random.js';

const call = (kernel: string, inputs: number[], outputs: number[]): Call => {
  const operand = (value: number) => ({ value, dtype: 0, dims: [16] });
  return { kernel, precision: 0, inputs: inputs.map(operand), outputs: outputs.map(operand), attrs: [] };
};
const nowhere = new Map<number, Place>();
const schedule = (calls: readonly Call[], lanes: number, bound: ReadonlyMap<number, Place> = nowhere): Schedule =>
  inLanes(calls, dependenciesOf(calls, bound), lanes);

/** The order in which calls run when each takes as long as another, and lanes begin what they can. */
function rounds({ turns }: Schedule): number {
  const end: number[] = [];
  const free = new Map<number, number>();
  turns.forEach(({ lane, after }, at) => {
    end[at] = 1 + Math.max(free.get(lane) ?? 0, ...after.map((other) => end[other]!));
    free.set(lane, end[at]);
  });
  return Math.max(...end);
}

describe('dependencies', () => {
  test('are on who made what is read', () => {
    const calls = [call('MatMul', [0], [1]), call('MatMul', [0], [2]), call('MatMul', [2, 1], [3])];
    expect(dependenciesOf(calls, nowhere)).toEqual([[], [], [0, 1]]);
  });

  test('are on who reads, and who writes, the memory that is written', () => {
    const place = { binding: 1, offset: 0 };
    const shared = new Map([
      [0, place],
      [3, place],
      [4, place],
    ]);
    const calls = [
      call('MatMul', [0], [1]),
      call('MatMul', [0], [2]),
      call('MatMul', [1], [3]),
      call('MatMul', [9], [4]),
      call('MatMul', [4], [5]),
    ];
    expect(dependenciesOf(calls, shared)).toEqual([[], [], [0, 1], [2], [3]]);
    expect(dependenciesOf([call('AdamUpdate', [0], [3])], shared)).toEqual([[]]);
  });
});

describe('lanes', () => {
  const chain = (first: number, length: number): Call[] =>
    Array.from({ length }, (_, i) => call('MatMul', [first + i], [first + i + 1]));

  test('run chains side by side, each in a lane of its own', () => {
    const two = [...chain(0, 5), ...chain(100, 5)];
    const side = schedule(two, 3);
    expect(rounds(side)).toBe(5);
    expect(side.turns.flatMap(({ after }) => after)).toEqual([]);
    expect(rounds(schedule(two, 1))).toBe(10);
    expect(rounds(inSequence(two))).toBe(10);
  });

  test('let the longest chain go on while shorter work of it waits', () => {
    // Each link of the chain has a call beside it that nobody waits for.
    const links = chain(0, 6).flatMap((link, i) => [call('MatMul', [i], [50 + i]), link]);
    expect(rounds(schedule(links, 2))).toBe(6);
  });

  test('wait for one another where they must, once', () => {
    const fork = [
      call('MatMul', [0], [1]),
      call('MatMul', [1], [2]),
      call('MatMul', [1], [3]),
      call('MatMul', [2, 3, 1], [4]),
    ];
    const { turns, before } = schedule(fork, 2);
    expect(turns.map(({ after }) => after.length)).toEqual([0, 0, 1, 1]);
    expect([before(0, 3), before(1, 2), before(2, 1), before(3, 0), before(1, 3)]).toEqual([
      ...[true, false, false, false, true],
    ]);
  });
});

test('updates begin when their gradients are there, a few tensors at a time', () => {
  const n = 10;
  const list = (first: number) => Array.from({ length: n }, (_, i) => first + i);
  // Gradients come last tensor first; that of tensor 4 has a second term, which comes last.
  const gradients = [
    ...list(200)
      .reverse()
      .map((gradient) => call('Conv2DBackpropFilter', [0, 1], [gradient])),
    call('Conv2DBackpropFilter', [0, 2], [300]),
  ];
  const update: Call = {
    ...call(
      'AdamUpdate',
      [99, ...list(100), ...list(200), ...list(400), ...list(500), 300],
      [...list(600), ...list(700), ...list(800)],
    ),
    attrs: [4],
  };
  const [first, second] = withEarlyUpdates([...gradients, update]).slice(gradients.length) as [Call, Call];
  const values = (operands: Call['inputs']) => operands.map(({ value }) => value);
  const some = (tensors: number[], lists: number[]) => lists.flatMap((from) => tensors.map((tensor) => from + tensor));
  const [early, late] = [
    [9, 8, 7, 6, 5, 3, 2, 1],
    [0, 4],
  ];
  expect(values(first.inputs)).toEqual([99, ...some(early, [100, 200, 400, 500])]);
  expect(values(first.outputs)).toEqual(some(early, [600, 700, 800]));
  expect(first.attrs).toEqual([]);
  expect(values(second.inputs)).toEqual([99, ...some(late, [100, 200, 400, 500]), 300]);
  expect(values(second.outputs)).toEqual(some(late, [600, 700, 800]));
  expect(second.attrs).toEqual([1]);
  expect(withEarlyUpdates([call('AdamUpdate', [0, 1, 2, 3, 4], [5, 6, 7])])).toHaveLength(1);
});

/** A program that reads and writes values at random, some of them where others lay. */
function randomProgram(random: Philox) {
  const count = 80;
  const bound = new Map<number, Place>([0, 1, 2].map((value) => [value, { binding: 1 + value, offset: 0 }]));
  const values: Value[] = Array.from({ length: 3 }, () => ({ bytes: 256 }));
  const current = [0, 1, 2]; // the newest value of each binding
  const seen = [0, 1, 2];
  const calls = Array.from({ length: count }, (): Call => {
    const inputs = [0, 1].map(() => seen[Math.max(0, seen.length - 1 - random.integer(12))]!);
    const made = values.push({ bytes: 4 * (1 + random.integer(200)) }) - 1;
    if (random.integer(6) === 0) {
      // New state over the old, which nobody reads any more.
      const binding = random.integer(3);
      bound.set(made, { binding: 1 + binding, offset: 0 });
      values[made] = { bytes: 256 };
      const old = current[binding]!;
      seen.splice(0, seen.length, ...seen.filter((value) => value !== old));
      current[binding] = made;
      seen.push(made);
      return call('AdamUpdate', [9999, old, inputs[0] === old ? made - 1 : inputs[0]!, old], [made]);
    }
    seen.push(made);
    return call(['MatMul', 'Add', 'Relu'][random.integer(3)]!, inputs, [made]);
  });
  return { calls, values, bound };
}

/** The calls in an order that their turns allow. */
function anyOrder({ turns }: Schedule, random: Philox): number[] {
  const last = new Map<number, number>();
  const needs = turns.map(({ lane, after }, at) => {
    const previous = last.get(lane);
    last.set(lane, at);
    return previous === undefined ? after : [...after, previous];
  });
  const done = new Set<number>();
  const order: number[] = [];
  while (order.length < turns.length) {
    const ready = needs.flatMap((calls, at) => (!done.has(at) && calls.every((other) => done.has(other)) ? [at] : []));
    const next = ready[random.integer(ready.length)]!;
    done.add(next);
    order.push(next);
  }
  return order;
}

test('whatever order lanes allow, every call finds what it reads, for random programs', () => {
  for (let seed = 0; seed < 40; seed++) {
    const random = new Philox(seed, 0);
    const { calls, values, bound } = randomProgram(random);
    bound.set(9999, { binding: 9, offset: 0 });
    const plan = schedule(calls, 3, bound);
    expect(new Set(plan.calls).size).toBe(calls.length);
    const { places, arenaBytes } = planMemory(plan, values, bound);
    expect(arenaBytes).toBeLessThan(values.reduce((sum, { bytes }) => sum + bytes, 0));
    for (let round = 0; round < 3; round++) {
      const memory = new Map<number, Int32Array>([[arena, new Int32Array(arenaBytes).fill(-1)]]);
      for (const binding of [1, 2, 3]) memory.set(binding, new Int32Array(256).fill(binding - 1));
      memory.set(9, new Int32Array(256).fill(9999));
      const bytesOf = (value: number) => {
        const { binding, offset } = places.get(value)!;
        return memory.get(binding)!.subarray(offset, offset + (values[value]?.bytes ?? 64));
      };
      for (const at of anyOrder(plan, random)) {
        const { inputs, outputs } = plan.calls[at]!;
        for (const { value } of inputs)
          expect(
            bytesOf(value).every((owner) => owner === value),
            `seed ${seed}: call ${at} reads ${value}`,
          ).toBe(true);
        bytesOf(outputs[0]!.value).fill(outputs[0]!.value);
      }
    }
  }
});
