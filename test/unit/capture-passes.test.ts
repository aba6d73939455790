import { describe, expect, test } from 'vitest';
import { withoutDeadCode } from '../../ts/backend/capture/dead-code.js';
import { withChains } from '../../ts/backend/capture/elementwise-chains.js';
import { withGradientSums } from '../../ts/backend/capture/gradient-sums.js';
import { arena, planMemory } from '../../ts/backend/capture/memory-plan.js';
import { inSequence } from '../../ts/backend/capture/order.js';
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
    const { places, arenaBytes } = planMemory(inSequence(chain), values([64, 64, 64, 64, 64]), bound);
    expect(arenaBytes).toBe(128);
    expect(places.get(1)).toEqual(places.get(3));
    expect(places.get(0)).toEqual({ binding: 1, offset: 0 });
  });

  test('of an operand is its result’s, where the kernel can and nobody reads the operand again', () => {
    const x = call('MatMul', [0], [1]);
    const inPlace = [x, call('Relu', [1], [2])];
    expect(planMemory(inSequence(inPlace), values([64, 64, 64]), bound).arenaBytes).toBe(64);
    const readAgain = [x, call('Relu', [1], [2]), call('MatMul', [1, 2], [3])];
    expect(planMemory(inSequence(readAgain), values([64, 64, 64, 64]), bound).arenaBytes).toBe(192);
    const [first, second] = [call('AddN', [1, 0], [2]), call('AddN', [0, 1], [2])]; // adds to the first
    expect(planMemory(inSequence([x, first]), values([64, 64, 64]), bound).arenaBytes).toBe(64);
    expect(planMemory(inSequence([x, second]), values([64, 64, 64]), bound).arenaBytes).toBe(128);
    const notElementwise = [x, call('MatMul', [1], [2])];
    expect(planMemory(inSequence(notElementwise), values([64, 64, 64]), bound).arenaBytes).toBe(128);
  });

  test('is not read before it is written', () => {
    expect(() => planMemory(inSequence([call('Relu', [1], [2])]), values([64, 64, 64]), bound)).toThrow(
      'before it is written',
    );
  });

  test('never overlaps while both are in use, for random programs', () => {
    for (let seed = 0; seed < 30; seed++) {
      const random = new Philox(seed, 0);
      const count = 60;
      const sizes = [64, ...Array.from({ length: count }, () => 4 * (1 + random.integer(200)))];
      const calls = Array.from({ length: count }, (_, i) =>
        call(['MatMul', 'Add', 'Relu'][random.integer(3)]!, [random.integer(i + 1), random.integer(i + 1)], [i + 1]),
      );
      const { places, arenaBytes } = planMemory(inSequence(calls), values(sizes), bound);
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

describe('elementwise calls', () => {
  const kernels = (calls: readonly Call[]) => calls.map(({ kernel }) => kernel);

  test('become one where only the next reads what one gives', () => {
    const calls = [
      call('MatMul', [0], [1]),
      call('Square', [1], [2]),
      call('Sub', [3, 2], [4]),
      call('MatMul', [5], [6]),
      call('Multiply', [4, 6], [7]),
    ];
    const merged = withChains(calls, [7]);
    expect(kernels(merged)).toEqual(['MatMul', 'MatMul', 'ElementwiseChain']);
    expect(merged[2]!.inputs.map(({ value }) => value)).toEqual([3, 1, 6]);
    // 3, 1, square, subtract, 6, multiply
    expect(merged[2]!.attrs.filter((_, i) => i % 3 === 0)).toEqual([0, 0, 6, 19, 0, 20]);
    expect(merged[2]!.outputs).toEqual(calls[4]!.outputs);
  });

  test('stay apart where another reads it, too, or where it is wanted', () => {
    const calls = [call('Square', [0], [1]), call('Neg', [1], [2]), call('Add', [1, 2], [3])];
    expect(kernels(withChains(calls, [3]))).toEqual(['Square', 'ElementwiseChain']);
    expect(kernels(withChains(calls, [2, 3]))).toEqual(['Square', 'Neg', 'Add']);
    const twice = [call('Square', [0], [1]), call('Multiply', [1, 1], [2])];
    expect(withChains(twice, [2])).toEqual(twice);
  });

  test('take one value for all elements, and no other broadcast', () => {
    const scalar = call('Neg', [0], [1], 1);
    const scaled: Call = {
      ...call('Multiply', [1, 2], [3]),
      inputs: [scalar.outputs[0]!, call('Neg', [2], []).inputs[0]!],
    };
    expect(kernels(withChains([scalar, scaled], [3]))).toEqual(['ElementwiseChain']);
    const row = call('Neg', [0], [1], 4);
    const rows: Call = { ...scaled, inputs: [row.outputs[0]!, scaled.inputs[1]!] };
    expect(withChains([row, rows], [3])).toEqual([row, rows]);
    const ints = call('Neg', [0], [1]);
    ints.inputs.forEach((operand) => Object.assign(operand, { dtype: 1 }));
    expect(kernels(withChains([ints, call('Neg', [1], [2])], [2]))).toEqual(['Neg', 'Neg']);
  });

  test('become several where one would be too long, hold too much or read too many', () => {
    const long = Array.from({ length: 50 }, (_, i) => call('Neg', [i], [i + 1]));
    expect(kernels(withChains(long, [50]))).toEqual(Array(3).fill('ElementwiseChain'));
    const many = Array.from({ length: 16 }, (_, i) => call('Add', [100 + i, i], [100 + i + 1]));
    expect(withChains(many, [116]).map(({ inputs }) => inputs.length)).toEqual([8, 8, 3]);
    // Each holds one more value while the next is computed.
    const deep = [
      call('Neg', [0], [10]),
      ...Array.from({ length: 6 }, (_, i) => call('Sub', [i + 1, 10 + i], [11 + i])),
    ];
    expect(kernels(withChains(deep, [16]))).toEqual(Array(2).fill('ElementwiseChain'));
  });
});

test('an update adds up gradients of two terms itself where nobody else reads the sum', () => {
  const update = call('AdamUpdate', [0, 1, 2, 11, 12, 3, 4, 5, 6], [21, 22, 23, 24, 25, 26]);
  const sums = [call('Add', [7, 8], [11]), call('Add', [9, 10], [12])];
  const [folded] = withGradientSums([...sums, update], [21, 22, 23, 24, 25, 26]);
  expect(folded!.inputs.map(({ value }) => value)).toEqual([0, 1, 2, 7, 9, 3, 4, 5, 6, 8, 10]);
  expect(folded!.attrs).toEqual([0, 1]);
  const kept = withGradientSums([...sums, update], [12, 21, 22, 23, 24, 25, 26]);
  expect(kept.map(({ kernel, attrs }) => [kernel, ...attrs])).toEqual([['Add'], ['AdamUpdate', 0]]);
});
