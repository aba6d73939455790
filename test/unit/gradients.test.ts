import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { useEngine } from '../../ts/backend/engine.js';
import { valueAndGrads } from '../../ts/ops/gradients.js';
import { instanceNorm } from '../../ts/ops/instance-norm.js';
import { expectNoLeak } from '../helpers/leaks.js';
import { randomTensor } from '../helpers/parity.js';

beforeAll(() => useEngine('native'));

function fail(): never {
  throw new Error('in the middle');
}
const sum = (x: Tensor): Scalar => tf.sum(tf.square(instanceNorm(tf.exp(x) as Tensor4D)));
/** Throws in the backward pass, when that is half done. */
const noGradient = tf.customGrad((x) => ({ value: tf.clone(x as Tensor), gradFunc: fail }));

test('gives the loss and its gradients', () => {
  const { value, grads } = valueAndGrads((a, b) => tf.sum(tf.mul(a, b)), [tf.tensor1d([1, 2]), tf.tensor1d([3, 4])]);
  expect([value, ...grads].map((t) => Array.from(t.dataSync()))).toEqual([[11], [3, 4], [1, 2]]);
});

test.each<[string, (x: Tensor) => Scalar]>([
  ['the forward pass', (x) => (sum(x), fail())],
  ['the backward pass', (x) => sum(noGradient(tf.exp(x)))],
  ['a gradient inside', (x) => sum(tf.grad((at) => (sum(at), fail()))(x))],
  ['the backward pass of a gradient inside', (x) => sum(tf.grad((at) => sum(noGradient(tf.exp(at))))(x))],
])('keeps nothing where %s throws', (_, loss) => {
  const x = randomTensor([2, 5, 5, 3]);
  for (let i = 0; i < 2; i++)
    expectNoLeak(() => {
      expect(() => valueAndGrads(loss, [x])).toThrow('in the middle');
    });
  // And works on.
  expectNoLeak(() => {
    expect(valueAndGrads(sum, [x]).grads[0]!.shape).toEqual(x.shape);
  });
  x.dispose();
});
