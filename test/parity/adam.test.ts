import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { useEngine } from '../../ts/backend/engine.js';
import { adamCoefficients, adamUpdate, adamUpdateReference } from '../../ts/ops/adam.js';
import { expectNoLeak } from '../helpers/leaks.js';
import { expectClose, randomTensor, resultsOn } from '../helpers/parity.js';

const coefficients = (learningRate = 1, step = 1) =>
  adamCoefficients({ beta1: 0.5, beta2: 0.999, epsilon: 1e-8, learningRate, step });

/** Some steps of a learning rate that changes. */
function steps(update: typeof adamUpdate, shapes: number[][]): tf.Tensor[] {
  let params = shapes.map((shape, i) => randomTensor(shape, i));
  let m = shapes.map((shape) => tf.zeros(shape));
  let v = shapes.map((shape) => tf.zeros(shape));
  for (let step = 1; step <= 3; step++) {
    const grads = shapes.map((shape, i) => randomTensor(shape, 10 * step + i));
    ({ params, m, v } = update(params, grads, m, v, coefficients(0.01 / step, step)));
  }
  return [...params, ...m, ...v];
}

describe('adamUpdate', () => {
  beforeAll(() => useEngine('native'));

  test.each([
    [[[]]],
    [[[3, 3, 5, 7], [7], [], [1, 1]]],
    // More than a task takes, and tasks across tensors.
    [[[40000], [3], [100, 700], [2, 0], [31]]],
    // More than a launch on a GPU takes.
    [Array.from({ length: 120 }, (_, i) => [i + 1])],
  ])('is what tfjs ops give for tensors of %j', async (shapes) => {
    const expected = await resultsOn('cpu', () => steps(adamUpdateReference, shapes));
    const actual = await resultsOn('native', () => steps(adamUpdate, shapes));
    // The root and the division round differently.
    expectClose(actual, expected, { absolute: 1e-7, relative: 2e-6 });
  });

  test('takes no tensors', () => {
    tf.tidy(() => {
      expect(adamUpdate([], [], [], [], coefficients())).toEqual({ params: [], m: [], v: [] });
    });
  });

  test('passes NaN on', () => {
    tf.tidy(() => {
      const x = tf.tensor1d([1, 2, 3]);
      const bad = tf.tensor1d([0, NaN, 0]);
      const { params, m, v } = adamUpdate([x], [bad], [x], [x], coefficients());
      for (const [t] of [params, m, v]) expect(Array.from(t!.dataSync(), Number.isNaN)).toEqual([false, true, false]);
    });
  });

  test('names the tensor that does not fit', () => {
    tf.tidy(() => {
      const [a, b] = [tf.zeros([2]), tf.zeros([3])];
      expect(() => adamUpdate([b, a], [b, b], [b, a], [b, a], coefficients())).toThrow(/tensor 1 differs in size/);
    });
  });

  test('frees what it made where it throws', () => {
    const [a, b] = [tf.zeros([2]), tf.zeros([3])];
    const update = coefficients();
    const before = tf.memory().numTensors;
    expect(() => adamUpdate([a], [b], [a], [a], update)).toThrow();
    expect(tf.memory().numTensors).toBe(before);
    tf.dispose([a, b, update]);
  });

  test('frees what it made', () => expectNoLeak(() => void steps(adamUpdate, [[3], [4, 4]])));
});
