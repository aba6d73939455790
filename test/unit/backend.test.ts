import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { useEngine } from '../../ts/backend/engine.js';

beforeAll(() => useEngine('native'));

test('runs a kernel and frees what it allocated', () => {
  const before = tf.memory() as unknown as { bytes: number };
  const x = tf.tensor1d([-1, 2, -3]);
  const y = tf.relu(x);
  expect(Array.from(y.dataSync())).toEqual([0, 2, 0]);
  tf.dispose([x, y]);
  expect((tf.memory() as unknown as { bytes: number }).bytes).toBe(before.bytes);
});
