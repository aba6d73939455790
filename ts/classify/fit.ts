import * as tf from '@tensorflow/tfjs-core';
import { positive, whole } from '../base/options.js';
import type { FaceSet } from '../data/faces.js';
import { classifier } from '../models/classifier.js';
import { plainClassifier } from '../models/conv-classifier.js';
import { uploadParams } from '../models/host-params.js';
import { foldByMoments } from './fold-norms.js';
import { predictProbabilities } from './predict.js';
import type { TrainingFaces } from './batches.js';
import { trainClassifier, type TrainingEvents } from './train-classifier.js';

/** Options of classifiers that judge faces. */
export const fitOptions = {
  folds: whole(2, 20, 'parts of the data; each is judged by a classifier that was trained on the others'),
  epochs: positive('times that a classifier sees each image', 1000),
  baseWidth: whole(1, 256, "channels of the classifier's first convolution; time grows with its square"),
  batchSize: whole(2, 1024, 'images a training step'),
  learningRate: positive("highest step size of Adam's one cycle", 1),
} as const;

export const fitDefaults = { epochs: 6, baseWidth: 16, batchSize: 64, learningRate: 4e-3 } as const;

export interface FitSettings {
  epochs: number;
  baseWidth: number;
  batchSize: number;
  learningRate: number;
  seed: number;
  /** natural (default): every image as often; balanced: every class as often, so that a rare one has a say. */
  sampling?: 'natural' | 'balanced';
}

/** Part of the pooled features that is left out at random. */
const dropout = 0.3;
/** First part of the steps, done on images of half the side. */
const smallFraction = 0.5;
/** Images of half the side must outlast three poolings. */
const smallestHalved = 32;

/** Steps that training on so many images takes. */
export const fitSteps = (images: number, { epochs, batchSize }: Pick<FitSettings, 'epochs' | 'batchSize'>): number =>
  Math.max(1, Math.floor((images * epochs) / batchSize));

/** A trained classifier on the current engine. */
export interface FittedClassifier {
  /** @returns [indices.length, classes] */
  probabilities(faces: FaceSet, indices: Int32Array): Promise<Float32Array>;
  dispose(): void;
}

/**
 * Trains the compact classifier on the labels of some faces (not on votes), mirrored, shifted and lit
 * at random.
 * @throws the signal's reason
 */
export async function fitClassifier(
  faces: TrainingFaces,
  indices: Int32Array,
  settings: FitSettings,
  events: TrainingEvents = {},
): Promise<FittedClassifier> {
  const { size, channels, classNames } = faces;
  const { batchSize, learningRate, seed, baseWidth, sampling = 'natural' } = settings;
  const shape = classifier({ channels, classes: classNames.length, baseWidth });
  const { votes: _votes, ...labelled } = faces;
  const training = {
    ...{
      steps: fitSteps(indices.length, settings),
      batchSize,
      learningRate,
      seed,
      dropout,
      labelSmoothing: 0,
      sampling,
    },
    smallFraction: size % 2 === 0 && size >= smallestHalved ? smallFraction : 0,
  };
  const trained = await trainClassifier(shape, labelled, indices, training, events);
  events.signal?.throwIfAborted();
  const params = uploadParams(await foldByMoments(shape, trained!.params, labelled, indices));
  return {
    probabilities: (of, some) => predictProbabilities(plainClassifier(shape), params, of, some),
    dispose: () => tf.dispose(params),
  };
}
