import * as tf from '@tensorflow/tfjs-core';
import { readFaces } from '../ts/data/batch.js';
import type { FaceSet } from '../ts/data/faces.js';
import { PerceptualFeatures } from '../ts/train/perceptual-features.js';
import { Trainer } from '../ts/train/trainer.js';
import type { TrainConfig } from '../ts/train/options.js';
import type { Engine } from './engines.js';
import type { Contestant } from './measure.js';
import { randomFaces } from './random.js';
import { cpuOnceOver, randomFeatures, vgg19 } from './works.js';

/** Images of each class; more would only make the start longer. */
const imagesEach = 8;

/** Training as a run does it, over faces of noise. */
export interface BenchTrainer {
  /** One step, from drawing a batch to reading the losses. */
  step(): Promise<void>;
  dispose(): void;
}

/**
 * Sets training up on the current engine, with a feature network of random weights. Features of the
 * real images are computed here, mirrored ones too, where a run does so when it first meets an image.
 */
export async function makeTrainer(config: TrainConfig, featureWidth = 1): Promise<BenchTrainer> {
  const faces = randomFaces(Math.max(imagesEach, config.batchSize), config.size, config.channels);
  const stackConfig = { ...vgg19, width: featureWidth, layers: config.featureLayers ?? vgg19.layers };
  const features = PerceptualFeatures.of(stackConfig, randomFeatures(stackConfig));
  await keepFeatures(features, faces);
  const trainer = new Trainer(config, faces, features);
  return {
    async step() {
      await trainer.advance();
      await trainer.readLosses();
    },
    dispose() {
      trainer.dispose();
      features.dispose();
    },
  };
}

async function keepFeatures(features: PerceptualFeatures, faces: FaceSet): Promise<void> {
  const { size, channels } = faces;
  for (let i = 0; i < faces.count; i++)
    for (const flipped of [false, true]) {
      const image = tf.tensor4d(readFaces(faces, [i], [flipped]), [1, size, size, channels]);
      tf.dispose([image, await features.ofImages([i], [flipped], image)]);
    }
}

/** Runs before a step counts: the second is the first that finds its buffers in the pool. */
const warmUps = 3;

/** An engine at training steps. */
export function trainerContestant(
  engine: Engine,
  config: TrainConfig,
  { featureWidth, ...extra }: Partial<Contestant> & { featureWidth?: number } = {},
): Contestant {
  let trainer: BenchTrainer | undefined;
  return {
    name: engine.title,
    precision: engine.precision,
    warmUps,
    ...(engine.name === 'cpu' ? { onceOver: cpuOnceOver } : {}),
    async enter() {
      await engine.use();
      trainer ??= await makeTrainer(config, featureWidth);
    },
    run: () => trainer!.step(),
    async dispose() {
      await engine.use();
      trainer?.dispose();
    },
    ...extra,
  };
}
