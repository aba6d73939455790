import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { setImmediate } from 'node:timers/promises';
import { StepRunner } from '../backend/capture/step-runner.js';
import { UserError } from '../base/errors.js';
import { flagOf } from '../base/options.js';
import type { FaceSet } from '../data/faces.js';
import { trainableClassifier, type ConvClassifier, type TrainableClassifier } from '../models/conv-classifier.js';
import { downloadParams, uploadParams } from '../models/host-params.js';
import { initialParams, type HostParams, type Params } from '../models/network.js';
import { adamCoefficients, adamUpdate, type AdamOptions } from '../ops/adam.js';
import { valueAndGrads } from '../ops/gradients.js';
import { TrainingBatches, type TrainingBatch } from './batches.js';
import type { PretrainEvents } from './events.js';
import type { PretrainConfig } from './options.js';

const adam = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
/** Part of the steps over which the learning rate rises. */
const warmup = 0.1;
/** Stream of the seed for starting weights. */
const weightStream = 42;

/** Rises over the first tenth of the steps, then falls along a cosine to 0 (Smith & Topin 2018). */
export function oneCycle(step: number, steps: number, highest: number): number {
  const rising = Math.max(1, Math.round(warmup * steps));
  if (step < rising) return (highest * (step + 1)) / rising;
  return (highest * (1 + Math.cos((Math.PI * (step - rising)) / Math.max(1, steps - rising)))) / 2;
}

type State = { weights: Tensor[]; m: Tensor[]; v: Tensor[] };
type Inputs = { images: Tensor4D; targets: Tensor2D; update: Tensor1D };

/** @returns params of {@link trainableClassifier}, or undefined where the signal came before the first step */
export async function trainNetwork(
  shape: ConvClassifier,
  faces: FaceSet,
  indices: Int32Array,
  steps: number,
  config: PretrainConfig,
  { signal, onStep }: PretrainEvents,
): Promise<{ params: HostParams; stepsDone: number } | undefined> {
  const network = trainableClassifier(shape);
  const names = network.params.map(({ name }) => name);
  const batches = new TrainingBatches(faces, indices, config);
  const weights = Object.values(uploadParams(initialParams(network, config.seed, weightStream)));
  const zeros = () => weights.map((weight) => tf.zerosLike(weight));
  let state: State = { weights, m: zeros(), v: zeros() };
  const runner = new StepRunner((before: State, inputs: Inputs) => classifierStep(network, names, before, inputs));
  let step = 0;
  try {
    for (; step < steps && !signal?.aborted; step++) {
      const batch = batches.next(step < Math.round(config.smallFraction * steps));
      const learningRate = oneCycle(step, steps, config.learningRate);
      const inputs = upload(batch, faces, { ...adam, learningRate, step: step + 1 });
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
  { channels, classNames }: FaceSet,
  update: AdamOptions,
): Inputs {
  const n = targets.length / classNames.length;
  return {
    images: tf.tensor4d(images, [n, side, side, channels]),
    targets: tf.tensor2d(targets, [n, classNames.length]),
    update: adamCoefficients(update),
  };
}

/** One step on the cross-entropy of a batch. */
function classifierStep(
  network: TrainableClassifier,
  names: readonly string[],
  { weights, m, v }: State,
  { images, targets, update }: Inputs,
): { state: State; outputs: { loss: Scalar } } {
  const crossEntropy = (...params: Tensor[]): Scalar => {
    const logits = network.apply(named(names, params), images);
    return tf.neg(tf.mean(tf.sum(tf.mul(targets, tf.logSoftmax(logits)), 1))) as Scalar;
  };
  const { value, grads } = valueAndGrads(crossEntropy, weights);
  const next = adamUpdate(weights, grads, m, v, update);
  return { state: { weights: next.params, m: next.m, v: next.v }, outputs: { loss: value } };
}
