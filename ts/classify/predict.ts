import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D } from '@tensorflow/tfjs-core';
import { setImmediate } from 'node:timers/promises';
import { readFaces } from '../data/batch.js';
import type { FaceSet } from '../data/faces.js';
import type { Network, Params } from '../models/network.js';

/** Images in one pass; each goes with its mirror image. */
const batchSize = 64;

/**
 * What a classifier says of some of the faces, each judged by its logits and its mirror image's
 * together.
 * @param onProgress images done
 * @returns probabilities [indices.length, classes]: the softmax of the mean of both logits
 */
export async function predictProbabilities(
  network: Network<Tensor2D>,
  params: Params,
  faces: FaceSet,
  indices: Int32Array,
  onProgress?: (images: number) => void,
): Promise<Float32Array> {
  const classes = faces.classNames.length;
  const probabilities = new Float32Array(indices.length * classes);
  for (let start = 0; start < indices.length; start += batchSize) {
    const some = indices.subarray(start, start + batchSize);
    probabilities.set(predictBatch(network, params, faces, some), start * classes);
    onProgress?.(start + some.length);
    // Lets a signal in.
    await setImmediate();
  }
  return probabilities;
}

function predictBatch(network: Network<Tensor2D>, params: Params, faces: FaceSet, some: Int32Array): Float32Array {
  const { size, channels } = faces;
  return tf.tidy(() => {
    const [plain, mirrored] = [0, 1].map((flip) => {
      const images = readFaces(
        faces,
        some,
        some.map(() => flip),
      );
      return network.apply(params, tf.tensor4d(images, [some.length, size, size, channels]));
    }) as [Tensor2D, Tensor2D];
    return tf.softmax(tf.mul(tf.add(plain, mirrored), 0.5)).dataSync() as Float32Array;
  });
}

/** The class with the highest of each row of probabilities; the first of equal ones. */
export function mostProbable(probabilities: ArrayLike<number>, classes: number): Int32Array {
  return Int32Array.from({ length: probabilities.length / classes }, (_, n) => {
    let best = 0;
    for (let c = 1; c < classes; c++)
      if (probabilities[n * classes + c]! > probabilities[n * classes + best]!) best = c;
    return best;
  });
}
