import type { Tensor2D } from '@tensorflow/tfjs-core';
import { mostProbable, predictProbabilities } from '../classify/predict.js';
import type { FaceSet } from '../data/faces.js';
import { crowdLabel } from '../data/votes.js';
import type { Network, Params } from '../models/network.js';

/** How well a classifier does on images that it was not trained on. */
export interface Score {
  readonly images: number;
  /** Fraction of images whose label it gives. */
  readonly label: number;
  /** Fraction of images whose class is that which most FER+ voters chose; undefined without votes. */
  readonly crowd?: number;
}

/**
 * Scores a classifier on some of the faces ({@link predictProbabilities}). `crowd` counts the images on which one
 * class has more votes than any other.
 */
export async function scoreClassifier(
  network: Network<Tensor2D>,
  params: Params,
  faces: FaceSet,
  indices: Int32Array,
  onProgress?: (images: number) => void,
): Promise<Score> {
  const found = mostProbable(
    await predictProbabilities(network, params, faces, indices, onProgress),
    faces.classNames.length,
  );
  let right = 0;
  let asked = 0;
  let agreed = 0;
  indices.forEach((i, n) => {
    if (found[n] === faces.labels[i]) right++;
    const crowd = faces.votes ? crowdLabel(faces.votes, i) : undefined;
    if (crowd === undefined) return;
    asked++;
    if (found[n] === crowd) agreed++;
  });
  return {
    images: indices.length,
    label: right / indices.length,
    ...(asked > 0 && { crowd: agreed / asked }),
  };
}
