import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D } from '@tensorflow/tfjs-core';
import { setImmediate } from 'node:timers/promises';
import { readFaces } from '../data/batch.js';
import type { FaceSet } from '../data/faces.js';
import type { Network, Params } from '../models/network.js';
import { crowdLabel } from './votes.js';

/** How well a classifier does on images that it was not trained on. */
export interface Score {
  readonly images: number;
  /** Fraction of images whose label it gives. */
  readonly label: number;
  /** Fraction of images whose class is that which most FER+ voters chose; undefined without votes. */
  readonly crowd?: number;
}

/** Images in one pass; each goes with its mirror image. */
const batchSize = 64;

/**
 * Scores a classifier on some of the faces, each judged by its logits and its mirror image's
 * together. `crowd` counts the images on which one class has more votes than any other.
 */
export async function scoreClassifier(
  network: Network<Tensor2D>,
  params: Params,
  faces: FaceSet,
  indices: Int32Array,
  onProgress?: (images: number) => void,
): Promise<Score> {
  let right = 0;
  let asked = 0;
  let agreed = 0;
  for (let start = 0; start < indices.length; start += batchSize) {
    const some = indices.subarray(start, start + batchSize);
    const found = predict(network, params, faces, some);
    some.forEach((i, n) => {
      if (found[n] === faces.labels[i]) right++;
      const crowd = faces.votes ? crowdLabel(faces.votes, i) : undefined;
      if (crowd === undefined) return;
      asked++;
      if (found[n] === crowd) agreed++;
    });
    onProgress?.(start + some.length);
    await setImmediate();
  }
  return {
    images: indices.length,
    label: right / indices.length,
    ...(asked > 0 && { crowd: agreed / asked }),
  };
}

function predict(network: Network<Tensor2D>, params: Params, faces: FaceSet, some: Int32Array): Int32Array {
  const { size, channels } = faces;
  return tf.tidy(() => {
    const images = [some.map(() => 0), some.map(() => 1)].map((flips) => readFaces(faces, some, flips));
    const logits = images.map((values) =>
      network.apply(params, tf.tensor4d(values, [some.length, size, size, channels])),
    );
    return tf.argMax(tf.add(logits[0]!, logits[1]!), 1).dataSync() as Int32Array;
  });
}
