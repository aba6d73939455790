import { describe, expect, test } from 'vitest';
import { withoutDeadCode } from '../../ts/backend/capture/dead-code.js';
import { arena, planMemory } from '../../ts/backend/capture/memory-plan.js';
import type { Call, Value } from '../../ts/backend/capture/recorder.js';
import { Philox } from '../../ts/base/random.js';

/** A call over values of `size` floats each. */
const call = (kernel: string, inputs: number[], outputs: number[], size = 16): Call => {
  const operand = (value: number) => ({ value, dtype: 0, dims: [size] });
  return { kernel, precision: 0, inputs: inputs.map(operand), outputs: outputs.map(operand), attrs: [] };
};

test('calls whose results nobody reads are left out, with those that only they read', () => {
  const calls = [
    call('MatMul', [0], [1]),
    call('MatMul', [1], [2]),
    call('MatMul', [1], [3]),
    call('MatMul', [3], [4, 5]),
  ];
  expect(withoutDeadCode(calls, [5])).toEqual([calls[0], calls[2], calls[3]]);
  expect(withoutDeadCode(calls, [])).toEqual([]);
});

describe('memory', () => {
  const values = (sizes: number[]): Value[] => sizes.map((bytes) => ({ bytes }));
  const bound = new Map([[0, { binding: 1, offset: 0 }]]);

  test('is shared by values that do not live at the same time', () => {
    const chain = [
      call('MatMul', [0], [1]),
      call('MatMul', [1], [2]),
      call('MatMul', [2], [3]),
      call('MatMul', [3], [4]),
    ];
    const { places, arenaBytes } = planMemory(chain, values([64, 64, 64, 64, 64]), bound);
    expect(arenaBytes).toBe(128);
    expect(places.get(1)).toEqual(places.get(3));
    expect(places.get(0)).toEqual({ binding: 1, offset: 0 });
  });

  test('of an operand is its result’s, where the kernel can and nobody reads the operand again', () => {
    const x = call('MatMul', [0], [1]);
    const inPlace = [x, call('Relu', [1], [2])];
    expect(planMemory(inPlace, values([64, 64, 64]), bound).arenaBytes).toBe(64);
    const readAgain = [x, call('Relu', [1], [2]), call('MatMul', [1, 2], [3])];
    expect(planMemory(readAgain, values([64, 64, 64, 64]), bound).arenaBytes).toBe(192);
    const [first, second] = [call('AddN', [1, 0], [2]), call('AddN', [0, 1], [2])]; // adds to the first
    expect(planMemory([x, first], values([64, 64, 64]), bound).arenaBytes).toBe(64);
    expect(planMemory([x, second], values([64, 64, 64]), bound).arenaBytes).toBe(128);
    const notElementwise = [x, call('MatMul', [1], [2])];
    expect(planMemory(notElementwise, values([64, 64, 64]), bound).arenaBytes).toBe(128);
  });

  test('is not read before it is written', () => {
    expect(() => planMemory([call('Relu', [1], [2])], values([64, 64, 64]), bound)).toThrow('before it is written');
  });

  test('never overlaps while both are in use, for random programs', () => {
    for (let seed = 0; seed < 30; seed++) {
      const random = new Philox(seed, 0);
      const count = 60;
      const sizes = [64, ...Array.from({ length: count }, () => 4 * (1 + random.integer(200)))];
      const calls = Array.from({ length: count }, (_, i) =>
        call(['MatMul', 'Add', 'Relu'][random.integer(3)]!, [random.integer(i + 1), random.integer(i + 1)], [i + 1]),
      );
      const { places, arenaBytes } = planMemory(calls, values(sizes), bound);
      // Each call's operands must still lie where they were written.
      const owner = new Int32Array(arenaBytes).fill(-1);
      calls.forEach(({ kernel, inputs, outputs }) => {
        const intact = (value: number) => {
          const { binding, offset } = places.get(value)!;
          return binding !== arena || owner.subarray(offset, offset + sizes[value]!).every((v) => v === value);
        };
        expect(
          inputs.every(({ value }) => intact(value)),
          `seed ${seed}`,
        ).toBe(true);
        const { value } = outputs[0]!;
        const { offset } = places.get(value)!;
        expect(offset % 64).toBe(0);
        owner.fill(value, offset, offset + sizes[value]!);
        // Only an elementwise kernel may have written over what it reads.
        if (kernel === 'MatMul')
          expect(
            inputs.every((input) => intact(input.value)),
            `seed ${seed}`,
          ).toBe(true);
      });
      const all = sizes.slice(1).reduce((sum, bytes) => sum + bytes, 0);
      expect(arenaBytes).toBeLessThan(all);
    }
  });
});
