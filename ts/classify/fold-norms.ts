import * as tf from '@tensorflow/tfjs-core';
import { setImmediate } from 'node:timers/promises';
import { readFaces } from '../data/batch.js';
import type { FaceSet } from '../data/faces.js';
import { foldClassifier, trainableClassifier, type ConvClassifier, type Moments } from '../models/conv-classifier.js';
import { uploadParams } from '../models/host-params.js';
import type { HostParams } from '../models/network.js';

/** The data set's moments are those of this many images at most. */
const momentImages = 2048;
const momentBatch = 128;

/** Whole batches alone: a small one at the end would be normalised by little. */
const momentImagesOf = (images: number): number =>
  images < momentBatch ? images : Math.min(momentImages, images - (images % momentBatch));

/** Folds batch normalisation by the moments of the training images, as they are and at full size. */
export async function foldByMoments(
  shape: ConvClassifier,
  host: HostParams,
  { pixels, size, channels }: Pick<FaceSet, 'pixels' | 'size' | 'channels'>,
  indices: Int32Array,
): Promise<HostParams> {
  const network = trainableClassifier(shape);
  const params = uploadParams(host);
  const sums = shape.convs.map(({ outputs }) => ({
    mean: new Float64Array(outputs),
    square: new Float64Array(outputs),
  }));
  const wanted = momentImagesOf(indices.length);
  const chosen = Int32Array.from({ length: wanted }, (_, i) => indices[Math.floor((i * indices.length) / wanted)]!);
  try {
    for (let start = 0; start < wanted; start += momentBatch) {
      const some = chosen.subarray(start, start + momentBatch);
      const moments = tf.tidy(() => {
        const x = tf.tensor4d(readFaces({ pixels, size, channels }, some), [some.length, size, size, channels]);
        return network.moments(params, x).map(({ mean, variance }) => ({
          mean: mean.dataSync() as Float32Array,
          variance: variance.dataSync() as Float32Array,
        }));
      });
      moments.forEach(({ mean, variance }, layer) =>
        mean.forEach((mu, c) => {
          sums[layer]!.mean[c]! += (mu * some.length) / wanted;
          sums[layer]!.square[c]! += ((variance[c]! + mu * mu) * some.length) / wanted;
        }),
      );
      await setImmediate();
    }
  } finally {
    tf.dispose(params);
  }
  const whole: Moments[] = sums.map(({ mean, square }) => ({
    mean: Float32Array.from(mean),
    variance: Float32Array.from(square, (s, c) => Math.max(0, s - mean[c]! ** 2)),
  }));
  return foldClassifier(shape, host, whole);
}
