import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { expect, test } from 'vitest';
import { families } from '../../ts/backend/register.js';

const names = families.flat().map((kernel) => kernel.kernelName);

test("every kernel of tfjs's cpu backend is there", () => {
  const missing = tf.getKernelsForBackend('cpu').filter(({ kernelName }) => !names.includes(kernelName));
  expect(missing.map(({ kernelName }) => kernelName)).toEqual([]);
});

test('no kernel is registered twice', () => {
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
});
