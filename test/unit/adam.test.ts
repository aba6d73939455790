import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { useEngine } from '../../ts/backend/engine.js';
import { adamCoefficients, adamUpdate } from '../../ts/ops/adam.js';
import { randomTensor } from '../helpers/parity.js';

const options = { learningRate: 0.01, beta1: 0.5, beta2: 0.999, epsilon: 1e-8 };

test.each(['native', 'cpu'] as const)('Adam on %s is its definition, in double precision', async (engine) => {
  await useEngine(engine);
  tf.tidy(() => {
    const shapes = [[3, 5], [], [7]];
    let params = shapes.map((shape, i) => randomTensor(shape, i));
    let m = shapes.map((shape) => tf.zeros(shape));
    let v = shapes.map((shape) => tf.zeros(shape));
    const wanted = params.map((p) => Array.from(p.dataSync(), (value) => ({ value, m: 0, v: 0 })));
    for (let step = 1; step <= 5; step++) {
      const grads = shapes.map((shape, i) => randomTensor(shape, 10 * step + i));
      wanted.forEach((tensor, i) => {
        const g = grads[i]!.dataSync();
        tensor.forEach((w, j) => {
          w.m = options.beta1 * w.m + (1 - options.beta1) * g[j]!;
          w.v = options.beta2 * w.v + (1 - options.beta2) * g[j]! ** 2;
          const corrected = w.m / (1 - options.beta1 ** step);
          w.value -=
            (options.learningRate * corrected) / (Math.sqrt(w.v / (1 - options.beta2 ** step)) + options.epsilon);
        });
      });
      ({ params, m, v } = adamUpdate(params, grads, m, v, adamCoefficients({ ...options, step })));
    }
    params.forEach((p, i) =>
      p.dataSync().forEach((value, j) => expect(Math.abs(value - wanted[i]![j]!.value)).toBeLessThan(1e-6)),
    );
  });
});

test('Adam leaves what it is given, and no other tensors behind', async () => {
  await useEngine('native');
  const given = [1, 2, 3, 4].map((seed) => randomTensor([4, 4], seed, { low: 0 }));
  const [param, grad, m, v] = given;
  const before = given.map((t) => Array.from(t.dataSync()));
  const { numTensors } = tf.memory();
  const coefficients = adamCoefficients({ ...options, step: 1 });
  const result = adamUpdate([param!], [grad!], [m!], [v!], coefficients);
  coefficients.dispose();
  expect(tf.memory().numTensors).toBe(numTensors + 3);
  tf.dispose([...result.params, ...result.m, ...result.v]);
  expect(given.map((t) => Array.from(t.dataSync()))).toEqual(before);
});
