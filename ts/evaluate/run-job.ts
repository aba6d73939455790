import * as tf from '@tensorflow/tfjs-core';
import { useEngine } from '../backend/engine.js';
import { foldByMoments } from '../classify/fold-norms.js';
import { predictProbabilities } from '../classify/predict.js';
import { trainClassifier } from '../classify/train-classifier.js';
import { appendFaces, countLabels } from '../data/faces.js';
import { classifier } from '../models/classifier.js';
import { plainClassifier } from '../models/conv-classifier.js';
import { uploadParams } from '../models/host-params.js';
import { facesToAdd } from './added-faces.js';
import { foldGenerator } from './fold-generator.js';
import { jobHash, type Job, type JobResult, type TestPredictions } from './job.js';
import { facesOfJob, imagesOfJob } from './job-faces.js';

export interface RunJobOptions {
  /** Where generators that jobs train are kept for others of the same fold. */
  readonly folder: string;
  /** Stops the job: its reason is thrown. */
  readonly signal?: AbortSignal;
  /** Steps of the classifier done, of all. */
  readonly onStep?: (step: number, steps: number) => void;
  /** Steps of the fold's own generator done, of all. */
  readonly onGeneratorStep?: (step: number, steps: number) => void;
}

/**
 * Runs one job: fits a classifier to the training images of one fold and says what it makes of
 * the images that it has not seen. The result depends on the job and the content of the files that
 * it names alone (`seconds` aside), so it may run anywhere, in any order.
 * @throws UserError for files that are missing or have changed
 */
export async function runJob(job: Job, options: RunJobOptions): Promise<JobResult> {
  const start = performance.now();
  const { signal, onStep } = options;
  const faces = await facesOfJob(job.data);
  const images = imagesOfJob(faces, job.split);
  const { train } = images;
  const { treatment } = job;
  const added = treatment.faces
    ? await facesToAdd(treatment.faces, faces, train, {
        signal,
        trainGenerator: (made) =>
          foldGenerator(made, job, faces, train, { ...options, signal, onStep: options.onGeneratorStep }),
      })
    : { pixels: new Uint8Array(), labels: new Uint8Array() };
  signal?.throwIfAborted();

  const all = added.labels.length > 0 ? appendFaces(faces, added) : faces;
  const indices = Int32Array.from([...train, ...Array.from(added.labels, (_, n) => faces.count + n)]);
  const counts = countLabels(all.labels, all.classNames.length, indices);
  const { baseWidth, epochs, ...fit } = job.classifier;
  const shape = classifier({ channels: faces.channels, classes: faces.classNames.length, baseWidth });
  // Of the real images, so that every treatment takes as many steps as the baseline.
  const steps = Math.max(1, Math.floor((train.length * epochs) / fit.batchSize));
  await useEngine(job.engine, job.precision);
  const trained = await trainClassifier(
    shape,
    all,
    indices,
    {
      ...fit,
      // Images of half the side for a start would save time, and cost several points of precision.
      smallFraction: 0,
      steps,
      seed: seedOf(job),
      variation: treatment.variation,
      sampling: treatment.sampling,
      ...(treatment.classWeights === 'balanced' && {
        classWeights: counts.map((count) => (count === 0 ? 0 : indices.length / (counts.length * count))),
      }),
    },
    { ...(signal && { signal }), onStep: (step) => onStep?.(step, steps) },
  );
  signal?.throwIfAborted();
  const params = uploadParams(await foldByMoments(shape, trained!.params, faces, train));
  try {
    const predict = async (some: Int32Array): Promise<TestPredictions> => ({
      indices: [...some],
      labels: Array.from(some, (i) => faces.labels[i]!),
      probabilities: Array.from(await predictProbabilities(plainClassifier(shape), params, faces, some), sixDigits),
    });
    return {
      hash: jobHash(job),
      job,
      classNames: [...faces.classNames],
      trained: countLabels(faces.labels, faces.classNames.length, train),
      added: added.labels.length,
      fold: await predict(images.fold),
      holdout: await predict(images.holdout),
      steps,
      seconds: (performance.now() - start) / 1000,
    };
  } finally {
    tf.dispose(params);
  }
}

const sixDigits = (value: number): number => Number(value.toPrecision(6));

/** The same for every treatment of a fold: they start from the same weights. */
const seedOf = ({ split: { seed, repeat, folds, fold } }: Job): number => (seed + repeat * folds + fold) >>> 0;
