import * as tf from '@tensorflow/tfjs-core';
import { test } from 'vitest';
import { expectParity, randomTensor } from '../helpers/parity.js';

type Unary = (x: tf.Tensor) => tf.Tensor;

// The reference rounds a double once. Ours: about 2 ulp of float32 (1.2e-7 each) for the vectorised
// functions; exact where the operation itself rounds once.
const exact = {};
const close = { relative: 3e-7, absolute: 1e-38 };

const cases: [string, Unary, object, number, number][] = [
  ['relu', tf.relu, exact, -3, 3],
  ['relu6', tf.relu6, exact, -3, 9],
  ['leakyRelu', (x) => tf.leakyRelu(x, 0.2), close, -3, 3],
  ['neg', tf.neg, exact, -3, 3],
  ['abs', tf.abs, exact, -3, 3],
  ['sign', tf.sign, exact, -3, 3],
  ['square', tf.square, exact, -3, 3],
  ['step', (x) => tf.step(x, 0.3), exact, -3, 3],
  ['clip', (x) => tf.clipByValue(x, -0.5, 1.25), exact, -3, 3],
  ['reciprocal', tf.reciprocal, exact, 0.1, 3],
  ['floor', tf.floor, exact, -5, 5],
  ['ceil', tf.ceil, exact, -5, 5],
  ['round', tf.round, exact, -5, 5],
  ['sqrt', tf.sqrt, exact, 0, 9],
  ['rsqrt', tf.rsqrt, close, 0.01, 9],
  // tfjs computes exp(x) - 1 below 0, in double.
  ['elu', tf.elu, close, -5, 5],
  ['selu', tf.selu, close, -5, 5],
  ['exp', tf.exp, close, -104, 89],
  ['expm1', tf.expm1, close, -20, 20],
  ['expm1 near 0', tf.expm1, close, -1e-3, 1e-3],
  ['log', tf.log, close, 1e-6, 100],
  ['log near 1', tf.log, close, 0.99, 1.01],
  ['log1p', tf.log1p, close, -0.99, 100],
  ['log1p near 0', tf.log1p, close, -1e-3, 1e-3],
  ['tanh', tf.tanh, close, -12, 12],
  ['tanh near 0', tf.tanh, close, -1e-3, 1e-3],
  ['sigmoid', tf.sigmoid, close, -100, 100],
  // tfjs switches to exp(x) and to x by a threshold; ours does not.
  ['softplus', tf.softplus, { relative: 1e-6, absolute: 1e-38 }, -30, 30],
  // tfjs uses a polynomial good to 1.5e-7 absolute.
  ['erf', tf.erf, { relative: 3e-7, absolute: 3e-7 }, -4, 4],
  ['sin', tf.sin, close, -9, 9],
  ['cos', tf.cos, close, -9, 9],
  ['tan', tf.tan, close, -1.5, 1.5],
  ['asin', tf.asin, close, -1, 1],
  ['acos', tf.acos, close, -1, 1],
  ['atan', tf.atan, close, -9, 9],
  ['sinh', tf.sinh, close, -9, 9],
  ['cosh', tf.cosh, close, -9, 9],
  ['asinh', tf.asinh, close, -9, 9],
  ['acosh', tf.acosh, close, 1, 9],
  ['atanh', tf.atanh, close, -1, 1],
];

test.each(cases)('%s', async (_, f, tolerance, low, high) => {
  // Larger than a task, and no multiple of a vector.
  for (const size of [1, 7, 33, 70_001]) await expectParity(() => f(randomTensor([size], 3, { low, high })), tolerance);
});

test.each(cases.filter(([name]) => !name.includes(' ')))('%s of special values', async (_, f) => {
  const special = [NaN, Infinity, -Infinity, 0, 1e-40, -1e-40, 1, -1, 3e38, -3e38, 88.8, -104, 100];
  await expectParity(() => f(tf.tensor1d(special)), { relative: 3e-7, absolute: 1e-6 });
});

test.each(['relu', 'relu6', 'neg', 'abs', 'sign', 'square', 'exp', 'step'] as const)('%s of integers', async (name) => {
  const integer = { low: -90, high: 80, dtype: 'int32' as const };
  await expectParity(() => tf[name](randomTensor([513], 4, integer)), { relative: 3e-7 });
});

test('integer arithmetic wraps as it does in JavaScript', async () => {
  const values = [2147483647, -2147483648, 65536, -65537];
  await expectParity(() => tf.neg(tf.tensor1d(values, 'int32')), exact);
});

test('logicalNot and the predicates', async () => {
  await expectParity(() => tf.logicalNot(randomTensor([1000], 5, { dtype: 'bool' })), exact);
  const values = [NaN, Infinity, -Infinity, 0, 1];
  for (const f of [tf.isNaN, tf.isInf, tf.isFinite] as Unary[]) await expectParity(() => f(tf.tensor1d(values)), exact);
});

test('gradients', async () => {
  for (const f of [tf.relu, tf.relu6, tf.elu, tf.tanh, tf.sigmoid, tf.softplus, tf.exp, tf.square, tf.abs] as Unary[])
    await expectParity(() => tf.grad((x) => tf.sum(f(x)))(randomTensor([5, 40], 6)), {
      relative: 1e-6,
      absolute: 1e-7,
    });
});
