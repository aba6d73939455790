import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'vitest';

const held = () => {
  const { numTensors, numDataBuffers, buffers, bytes } = tf.memory() as tf.MemoryInfo & {
    buffers: number;
    bytes: number;
  };
  return { numTensors, numDataBuffers, buffers, bytes };
};

/** Asserts that `body`, run in a tidy on the native backend, leaves no tensor and no native buffer behind. */
export function expectNoLeak(body: () => void): void {
  const before = held();
  tf.tidy(body);
  expect(held()).toEqual(before);
}
