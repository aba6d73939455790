import * as tf from '@tensorflow/tfjs-core';
import { describe, test } from 'vitest';
import { expectParity, randomTensor } from '../helpers/parity.js';

type Binary = (a: tf.Tensor, b: tf.Tensor) => tf.Tensor;

/** Every way in which two operands can meet. */
const shapes: [string, number[], number[]][] = [
  ['scalars', [], []],
  ['a scalar on the left', [], [3, 5]],
  ['a scalar on the right', [3, 5], []],
  ['one element and many', [1, 1, 1], [40_000]],
  ['equal shapes', [3, 4, 5], [3, 4, 5]],
  ['equal shapes, many tasks', [70_001], [70_001]],
  ['a short bias', [300, 7, 3], [3]],
  ['a bias', [30, 40, 64], [64]],
  ['a bias on the left', [64], [30, 40, 64]],
  ['a long bias', [3, 40_000], [40_000]],
  ['a column', [30, 40], [30, 1]],
  ['a long column', [3, 40_000], [3, 1]],
  ['a middle axis', [4, 5, 6], [4, 1, 6]],
  ['an outer product', [3, 1, 5], [1, 4, 1]],
  ['per image and channel', [2, 6, 6, 8], [2, 1, 1, 8]],
  ['rank 6', [2, 1, 3, 1, 2, 4], [1, 5, 3, 2, 1, 4]],
  ['a missing outer axis', [2, 3, 4], [3, 1]],
  ['an empty operand', [0, 3], [3]],
];

const exact = {};
const arithmetic: [string, Binary, object][] = [
  ['add', tf.add, exact],
  ['sub', tf.sub, exact],
  ['mul', tf.mul, exact],
  ['div', tf.div, exact],
  ['maximum', tf.maximum, exact],
  ['minimum', tf.minimum, exact],
  // (a - b)^2 in float32 rounds twice, and the difference's rounding counts double.
  ['squaredDifference', tf.squaredDifference, { relative: 3e-7 }],
];
const comparisons: [string, Binary][] = [
  ['equal', tf.equal],
  ['notEqual', tf.notEqual],
  ['less', tf.less],
  ['lessEqual', tf.lessEqual],
  ['greater', tf.greater],
  ['greaterEqual', tf.greaterEqual],
];

describe.each(shapes)('%s', (_, a, b) => {
  test.each(arithmetic)('%s', async (_name, f, tolerance) => {
    await expectParity(() => f(randomTensor(a, 1), randomTensor(b, 2)), tolerance);
    const integer = { low: -9, high: 10, dtype: 'int32' as const };
    const positive = { low: 1, high: 10, dtype: 'int32' as const };
    await expectParity(() => f(randomTensor(a, 1, integer), randomTensor(b, 2, positive)), exact);
  });

  test('comparisons', async () => {
    const few = { low: -2, high: 3, dtype: 'int32' as const };
    for (const [name, f] of comparisons) {
      await expectParity(() => f(randomTensor(a, 1, few), randomTensor(b, 2, few)), exact, name);
      const float = (shape: number[], seed: number): tf.Tensor => tf.cast(randomTensor(shape, seed, few), 'float32');
      await expectParity(() => f(float(a, 1), float(b, 2)), exact, name);
    }
  });

  test('logical', async () => {
    const bool = { dtype: 'bool' as const };
    for (const f of [tf.logicalAnd, tf.logicalOr, tf.logicalXor, tf.equal] as Binary[])
      await expectParity(() => f(randomTensor(a, 1, bool), randomTensor(b, 2, bool)), exact, f.name);
  });

  test('gradients', async () => {
    // Not squaredDifference: tfjs's gradient of it forgets to sum over what was broadcast.
    for (const [name, f] of arithmetic.slice(0, 3))
      await expectParity(
        () => tf.grads((x, y) => tf.sum(tf.square(f(x, y))))([randomTensor(a, 1), randomTensor(b, 2)]),
        // Sums over up to 40,000 elements; the reference adds in double, ours in float32 blocks.
        { relative: 2e-6, absolute: 1e-4 },
        name,
      );
  });
});

describe('less common functions', () => {
  test('pow', async () => {
    const base = { low: 0.1, high: 4 };
    await expectParity(() => tf.pow(randomTensor([50, 3], 1, base), randomTensor([3], 2)), { relative: 2e-7 });
    for (const exponent of [2, 0.5, -1, 3])
      await expectParity(() => tf.pow(randomTensor([99], 1, base), exponent), { relative: 2e-7 });
    const values = [NaN, Infinity, -Infinity, 0, 1, -1, 2, -2, 0.5];
    await expectParity(() => tf.pow(tf.tensor2d(values, [9, 1]), tf.tensor1d(values)), { relative: 2e-7 });
    // Powers of whole numbers are whole, though a device's pow be off by the last bit: as far as doubles hold them.
    const count = (from: number, to: number) => tf.range(from, to + 1, 1, 'int32');
    await expectParity(() => tf.pow(tf.reshape(count(-9, 9), [-1, 1]), count(-3, 16)), exact);
    await expectParity(() => tf.pow(count(-200, 200), tf.scalar(3, 'int32')), exact);
    await expectParity(() => tf.pow(tf.scalar(2, 'int32'), count(0, 52)), exact);
  });

  test('mod, floorDiv, atan2, prelu, bitwiseAnd, addN', async () => {
    const [a, b] = [[40, 6], [6]];
    const range = { low: -5, high: 5 };
    const integer = { ...range, dtype: 'int32' as const };
    const nonZero = { low: 1, high: 5, dtype: 'int32' as const };
    await expectParity(() => tf.mod(randomTensor(a, 1, range), randomTensor(b, 2, range)), exact);
    await expectParity(() => tf.mod(randomTensor(a, 1, integer), randomTensor(b, 2, nonZero)), exact);
    await expectParity(() => tf.floorDiv(randomTensor(a, 1, integer), randomTensor(b, 2, nonZero)), exact);
    await expectParity(() => tf.floorDiv(randomTensor(a, 1, integer), tf.zeros([6], 'int32')), exact);
    await expectParity(() => tf.atan2(randomTensor(a, 1), randomTensor(b, 2)), { relative: 2e-7 });
    await expectParity(() => tf.prelu(randomTensor(a, 1), randomTensor(b, 2)), exact);
    await expectParity(() => tf.bitwiseAnd(randomTensor(a, 1, integer), randomTensor(a, 2, integer)), exact);
    // Of three terms each partial sum is rounded: 1 ulp of a value up to 3.
    await expectParity(() => tf.addN([1, 2, 3].map((seed) => randomTensor([123], seed))), { absolute: 3e-7 });
    await expectParity(
      () => tf.grads((x, y) => tf.sum(tf.prelu(x, y)))([randomTensor(a, 1), randomTensor(a, 2)]),
      exact,
    );
  });

  test('NaN goes through maximum and minimum', async () => {
    const values = [NaN, 1, NaN, -1];
    await expectParity(() => tf.maximum(tf.tensor1d(values), tf.tensor1d([1, NaN, NaN, 0])), exact);
    await expectParity(() => tf.minimum(tf.tensor1d(values), tf.tensor1d([1, NaN, NaN, 0])), exact);
  });

  test('bool operands are numbers', async () => {
    const bool = { dtype: 'bool' as const };
    for (const f of [tf.mul, tf.maximum, tf.minimum] as Binary[])
      await expectParity(() => f(randomTensor([50], 1, bool), randomTensor([50], 2, bool)), exact, f.name);
  });

  test('int32 wraps as it does in JavaScript', async () => {
    const values = [2147483647, -2147483648, 65536, 3];
    for (const f of [tf.add, tf.sub] as Binary[])
      await expectParity(() => f(tf.tensor1d(values, 'int32'), tf.scalar(7, 'int32')), exact);
  });
});
