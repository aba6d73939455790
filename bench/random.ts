import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { Philox } from '../ts/base/random.js';
import type { FaceSet } from '../ts/data/faces.js';

/** Normal numbers on the current engine, the same for the same seed. */
export function randomTensor<Shape extends number[]>(shape: Shape, seed = 1, std = 1): tf.Tensor {
  const random = new Philox(seed);
  const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
  for (let i = 0; i < values.length; i++) values[i] = std * random.normal();
  return tf.tensor(values, shape, 'float32');
}

export const randomImages = (batch: number, side: number, channels: number, seed = 1): Tensor4D =>
  randomTensor([batch, side, side, channels], seed) as Tensor4D;

/** Images of noise, `count` of each of two classes: time does not depend on what they show. */
export function randomFaces(count: number, size: number, channels: 1 | 3): FaceSet {
  const random = new Philox(1);
  const all = 2 * count;
  return {
    ...{ size, channels, count: all },
    classNames: ['Neutral', 'Disgust'],
    pixels: Uint8Array.from({ length: all * size * size * channels }, () => Math.floor(256 * random.uniform())),
    labels: Uint8Array.from({ length: all }, (_, i) => i % 2),
    groups: Int32Array.from({ length: all }, (_, i) => i),
    source: (i) => `noise ${i}`,
    skipped: [],
  };
}
