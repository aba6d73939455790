import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { setImmediate } from 'node:timers/promises';
import { StepRunner } from '../backend/capture/step-runner.js';
import { UserError } from '../base/errors.js';
import { flagOf } from '../base/options.js';
import { Philox } from '../base/random.js';
import { trainableClassifier, type ConvClassifier, type TrainableClassifier } from '../models/conv-classifier.js';
import { downloadParams, uploadParams } from '../models/host-params.js';
import { initialParams, type HostParams, type Params } from '../models/network.js';
import { adamCoefficients, adamUpdate, type AdamOptions } from '../ops/adam.js';
import { valueAndGrads } from '../ops/gradients.js';
import { TrainingBatches, type BatchOptions, type TrainingBatch, type TrainingFaces } from './batches.js';

export interface ClassifierTraining extends BatchOptions {
  readonly steps: number;
  /** First part of the steps, done on images of half the side. */
  readonly smallFraction: number;
  /** Highest step size of Adam's one cycle. */
  readonly learningRate: number;
  /** Part of the pooled features that is left out at random, below 0.99. Default 0. */
  readonly dropout?: number;
}

export interface TrainingEvents {
  /** Stops after the step at hand. */
  readonly signal?: AbortSignal;
  /** `loss`: mean cross-entropy of the step. */
  readonly onStep?: (step: number, loss: number) => void;
}

const adam = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
/** Part of the steps over which the learning rate rises. */
const warmup = 0.1;
/** Streams of the seed. */
const streams = { weights: 42, dropout: 43 };

/** Rises over the first tenth of the steps, then falls along a cosine to 0 (Smith & Topin 2018). */
export function oneCycle(step: number, steps: number, highest: number): number {
  const rising = Math.max(1, Math.round(warmup * steps));
  if (step < rising) return (highest * (step + 1)) / rising;
  return (highest * (1 + Math.cos((Math.PI * (step - rising)) / Math.max(1, steps - rising)))) / 2;
}

type State = { weights: Tensor[]; m: Tensor[]; v: Tensor[] };
type Inputs = { images: Tensor4D; targets: Tensor2D; update: Tensor1D; dropout?: Tensor2D };

/**
 * Trains a classifier from random weights: cross-entropy, Adam, one cycle of the learning rate. The
 * same seed gives the same weights.
 * @param indices images to train on
 * @returns params of {@link trainableClassifier}, or undefined where the signal came before the first step
 * @throws UserError where the loss is no number any more
 */
export async function trainClassifier(
  shape: ConvClassifier,
  faces: TrainingFaces,
  indices: Int32Array,
  training: ClassifierTraining,
  { signal, onStep }: TrainingEvents = {},
): Promise<{ params: HostParams; stepsDone: number } | undefined> {
  const { steps, seed } = training;
  const network = trainableClassifier(shape);
  const names = network.params.map(({ name }) => name);
  const batches = new TrainingBatches(faces, indices, training);
  const weights = Object.values(uploadParams(initialParams(network, seed, streams.weights)));
  const zeros = () => weights.map((weight) => tf.zerosLike(weight));
  let state: State = { weights, m: zeros(), v: zeros() };
  const runner = new StepRunner((before: State, inputs: Inputs) => classifierStep(network, names, before, inputs));
  const random = new Philox(seed, streams.dropout);
  const features = shape.convs.at(-1)!.outputs;
  let step = 0;
  try {
    for (; step < steps && !signal?.aborted; step++) {
      const batch = batches.next(step < Math.round(training.smallFraction * steps));
      const learningRate = oneCycle(step, steps, training.learningRate);
      const inputs: Inputs = {
        ...upload(batch, faces, { ...adam, learningRate, step: step + 1 }),
        ...(training.dropout && { dropout: dropoutMask(random, [training.batchSize, features], training.dropout) }),
      };
      const result = await runner.run(state, inputs);
      ({ state } = result);
      tf.dispose(inputs);
      const { loss } = result.outputs;
      const value = (await loss.data())[0]!;
      loss.dispose();
      if (!Number.isFinite(value))
        throw new UserError(
          `Training diverged at step ${step + 1}: the loss is ${value}. Lower ${flagOf('learningRate')}.`,
        );
      onStep?.(step + 1, value);
      // Lets a signal in.
      await setImmediate();
    }
    return step === 0 ? undefined : { params: await downloadParams(named(names, state.weights)), stepsDone: step };
  } finally {
    tf.dispose(state);
    runner.dispose();
  }
}

const named = (names: readonly string[], tensors: readonly Tensor[]): Params =>
  Object.fromEntries(names.map((name, i) => [name, tensors[i]!]));

function upload(
  { images, side, targets }: TrainingBatch,
  { channels, classNames }: TrainingFaces,
  update: AdamOptions,
): Inputs {
  const n = targets.length / classNames.length;
  return {
    images: tf.tensor4d(images, [n, side, side, channels]),
    targets: tf.tensor2d(targets, [n, classNames.length]),
    update: adamCoefficients(update),
  };
}

/** Four draws from each random word; the rate is that of 256ths. */
function dropoutMask(random: Philox, [n, features]: [number, number], rate: number): Tensor2D {
  const dropped = Math.round(256 * rate);
  const kept = 256 / (256 - dropped);
  const mask = new Float32Array(n * features);
  for (let i = 0; i < mask.length; i += 4) {
    const word = random.uint32();
    for (let j = 0; j < 4 && i + j < mask.length; j++) mask[i + j] = ((word >>> (8 * j)) & 0xff) < dropped ? 0 : kept;
  }
  return tf.tensor2d(mask, [n, features]);
}

/** One step on the cross-entropy of a batch. */
function classifierStep(
  network: TrainableClassifier,
  names: readonly string[],
  { weights, m, v }: State,
  { images, targets, update, dropout }: Inputs,
): { state: State; outputs: { loss: Scalar } } {
  const crossEntropy = (...params: Tensor[]): Scalar => {
    const logits = network.apply(named(names, params), images, dropout);
    return tf.neg(tf.mean(tf.sum(tf.mul(targets, tf.logSoftmax(logits)), 1))) as Scalar;
  };
  const { value, grads } = valueAndGrads(crossEntropy, weights);
  const next = adamUpdate(weights, grads, m, v, update);
  return { state: { weights: next.params, m: next.m, v: next.v }, outputs: { loss: value } };
}
