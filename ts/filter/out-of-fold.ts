import * as tf from '@tensorflow/tfjs-core';
import { foldByMoments } from '../classify/fold-norms.js';
import { predictProbabilities } from '../classify/predict.js';
import { trainClassifier } from '../classify/train-classifier.js';
import type { FaceSet } from '../data/faces.js';
import { stratifiedFolds, without } from '../data/folds.js';
import { classifier } from '../models/classifier.js';
import { plainClassifier } from '../models/conv-classifier.js';
import { uploadParams } from '../models/host-params.js';
import type { FilterEvents } from './events.js';
import type { FilterConfig } from './options.js';

type Config = Pick<FilterConfig, 'folds' | 'seed' | 'epochs' | 'batchSize' | 'learningRate' | 'baseWidth'>;

/** Part of the pooled features that is left out at random. */
const dropout = 0.3;
/** First part of the steps, done on images of half the side. */
const smallFraction = 0.5;

/**
 * What a classifier says of each face that was trained without it and all that are equal to it: one
 * classifier for each part of the data, on the labels alone.
 * @returns [count, classes]
 * @throws UserError for a class of fewer different images than folds; the signal's reason
 */
export async function outOfFoldProbabilities(
  faces: FaceSet,
  { folds, seed, epochs, batchSize, learningRate, baseWidth }: Config,
  { signal, onProgress }: FilterEvents,
): Promise<Float32Array> {
  const classes = faces.classNames.length;
  const shape = classifier({ channels: faces.channels, classes, baseWidth });
  // Votes would be soft labels, and say what the label alone does not.
  const { votes: _votes, ...labelled } = faces;
  const parts = stratifiedFolds(faces, { folds, seed });
  const everyFace = Int32Array.from({ length: faces.count }, (_, i) => i);
  const stepsOf = (images: number) => Math.max(1, Math.floor((images * epochs) / batchSize));
  const total = parts.reduce((sum, part) => sum + stepsOf(faces.count - part.length), 0);
  const result = new Float32Array(faces.count * classes);
  let before = 0;
  for (const part of parts) {
    const train = without(everyFace, part);
    const steps = stepsOf(train.length);
    const trained = await trainClassifier(
      shape,
      labelled,
      train,
      {
        steps,
        batchSize,
        learningRate,
        seed,
        dropout,
        smallFraction: evenHalves(faces.size) ? smallFraction : 0,
        labelSmoothing: 0,
      },
      { ...(signal && { signal }), onStep: (step) => onProgress?.('Training', before + step, total) },
    );
    signal?.throwIfAborted();
    const params = uploadParams(await foldByMoments(shape, trained!.params, labelled, train));
    try {
      const found = await predictProbabilities(plainClassifier(shape), params, labelled, part);
      part.forEach((i, n) => result.set(found.subarray(n * classes, (n + 1) * classes), i * classes));
    } finally {
      tf.dispose(params);
    }
    before += steps;
  }
  return result;
}

/** Whether images of half the side are still large enough for three poolings. */
const evenHalves = (size: number): boolean => size % 2 === 0 && size >= 32;
