import * as tf from '@tensorflow/tfjs-core';
import { useEngine, type EngineChoice } from '../backend/engine.js';
import { UserError } from '../base/errors.js';
import { loadFaces, type FaceSet, type LoadOptions } from '../data/faces.js';
import { plainClassifier, type ConvClassifier } from '../models/conv-classifier.js';
import { checkParams, uploadParams } from '../models/host-params.js';
import type { HostParams } from '../models/network.js';
import { vgg19Classifier } from '../models/vgg19.js';
import { readWeights } from '../models/weights.js';
import { describeScore } from './card.js';
import type { PretrainEvents } from './events.js';
import { chooseHoldout } from './holdout.js';
import { pretrainDefaults, pretrainOptions, type PretrainConfig } from './options.js';
import { scoreClassifier, type Score } from './score.js';

export interface EvaluateOptions {
  /** A file of {@link pretrain}. */
  weights: string;
  data: string;
  ferplus: string | null;
  skipBad: boolean;
  holdout: number | null;
  seed: number;
  engine: EngineChoice;
  /** Measure on so many of the held-out images, evenly chosen. Default: all. */
  limit?: number;
}

/**
 * Scores a file of {@link pretrain} on the images that the same data, holdout and seed hold out.
 * @throws UserError for bad data, a file without a classifier's head, one of other classes, or nothing held out
 */
export async function evaluatePretrained(
  options: EvaluateOptions,
  events: Pick<PretrainEvents, 'onEngine' | 'onReading' | 'onScoring'> = {},
): Promise<{ score: Score; accuracy: string; skipped: readonly string[] }> {
  const { params: stored, metadata } = await readWeights(options.weights);
  const filter = stored['conv1_1.filter']?.shape;
  const head = stored['head.filter']?.shape;
  const channels = filter?.[2];
  if (!filter || !head || (channels !== 1 && channels !== 3))
    throw new UserError(`${options.weights} is no file of npm run pretrain: expected conv1_1.filter and head.filter.`);
  const width = Number(metadata['width'] ?? filter[3]! / 64);
  const size = Number(metadata['size'] ?? pretrainDefaults.size);
  for (const name of ['width', 'size'] as const)
    if (!pretrainOptions[name].schema.safeParse({ width, size }[name]).success)
      throw new UserError(
        `${options.weights}: its ${name} is ${metadata[name] ?? width}, expected ${pretrainOptions[name].expects}.`,
      );
  const shape = vgg19Classifier({ width, channels, classes: head[1]! });
  const params = checkParams(plainClassifier(shape), stored, options.weights);
  await useEngine(options.engine, 'float32', { onChosen: (note) => events.onEngine?.(note) });
  const faces = await loadFaces(loadOptions({ ...options, size, channels }, events));
  const classes = JSON.stringify(faces.classNames);
  if ((metadata['classes'] ?? classes).toLowerCase() !== classes.toLowerCase() || head[1] !== faces.classNames.length)
    throw new UserError(
      `${options.weights} tells ${head[1]} classes apart (${metadata['classes'] ?? 'unnamed'}), ` +
        `but ${options.data} has ${classes}.`,
    );
  const { holdout, description } = chooseHoldout(faces, options.holdout, options.seed);
  if (holdout.length === 0)
    throw new UserError(`${options.data} gives no images to measure on (held out: ${description}).`);
  const limit = Math.min(options.limit ?? holdout.length, holdout.length);
  const chosen = Int32Array.from({ length: limit }, (_, i) => holdout[Math.floor((i * holdout.length) / limit)]!);
  const score = await scoreParams(shape, params, faces, chosen, events);
  return { score, accuracy: describeScore(score, description), skipped: faces.skipped };
}

/** The data's part of a configuration, as it is loaded. */
export function loadOptions(
  {
    data,
    size,
    channels,
    skipBad,
    ferplus,
    seed,
  }: Pick<PretrainConfig, 'data' | 'size' | 'channels' | 'skipBad' | 'ferplus' | 'seed'>,
  { onReading }: Pick<PretrainEvents, 'onReading'>,
): LoadOptions {
  return { data, size, channels, skipBad, ferplus, seed, ...(onReading && { onProgress: onReading }) };
}

/** Scores weights that lie on the host. */
export async function scoreParams(
  shape: ConvClassifier,
  host: HostParams,
  faces: FaceSet,
  indices: Int32Array,
  { onScoring }: Pick<PretrainEvents, 'onScoring'>,
): Promise<Score> {
  const params = uploadParams(host);
  try {
    return await scoreClassifier(plainClassifier(shape), params, faces, indices, (images) =>
      onScoring?.(images, indices.length),
    );
  } finally {
    tf.dispose(params);
  }
}
