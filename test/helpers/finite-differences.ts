import * as tf from '@tensorflow/tfjs-core';
import type { Tensor } from '@tensorflow/tfjs-core';
import { expect } from 'vitest';
import { randomTensor } from './parity.js';

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
};

/**
 * Asserts that tf.grads of f agrees with central differences, for each input along a random
 * direction. On the current backend.
 * @param f a tensor of any shape; its elements are weighted at random and added up in double precision
 * @param tolerance of the slope, relative to what a direction drawn at random gives (|gradient| |direction| / sqrt(size))
 */
export function expectGradients(
  f: (...xs: Tensor[]) => Tensor,
  xs: Tensor[],
  { step = 1e-3, tolerance = 1e-2 }: { step?: number; tolerance?: number } = {},
): void {
  tf.tidy(() => {
    const weights = randomTensor(f(...xs).shape, 1234);
    const gradients = tf.grads((...at: Tensor[]) => tf.sum<tf.Scalar>(tf.mul(f(...at), weights)))(xs);
    const values = (...at: Tensor[]) => dot(f(...at).dataSync(), weights.dataSync());
    xs.forEach((x, i) => {
      const direction = randomTensor(x.shape, 77 + i);
      const moved = (by: number) => xs.map((other, j) => (j === i ? tf.add(x, tf.mul(direction, by)) : other));
      const slope = (values(...moved(step)) - values(...moved(-step))) / (2 * step);
      const gradient = gradients[i]!.dataSync();
      const along = direction.dataSync();
      const scale = Math.sqrt((dot(gradient, gradient) * dot(along, along)) / x.size);
      expect(scale, `the gradient by input ${i} is 0`).toBeGreaterThan(0);
      const error = Math.abs(dot(gradient, along) - slope) / scale;
      expect(error, `input ${i}: ${dot(gradient, along)} but differences give ${slope}`).toBeLessThan(tolerance);
    });
  });
}
