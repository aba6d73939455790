import type { TrainConfig } from './options.js';

export interface Schedule {
  readonly stepsPerEpoch: number;
  readonly totalSteps: number;
  /** Flat, then linear to 0. */
  learningRate(step: number): number;
  /** Deviation of the instance noise: linear from its start to 0. */
  noise(step: number): number;
  /** Whether the rare class's discriminator is updated in this step. */
  updatesRare(step: number): boolean;
}

/**
 * What changes from step to step (counted from 0), as functions of the step alone.
 * @param imagesA images of each class; the larger one fills an epoch, as in Zhu et al. 2017
 */
export function makeSchedule(config: TrainConfig, imagesA: number, imagesB: number): Schedule {
  const stepsPerEpoch = config.stepsPerEpoch ?? Math.ceil(Math.max(imagesA, imagesB) / config.batchSize);
  const flat = config.epochsFlat * stepsPerEpoch;
  const decay = config.epochsDecay * stepsPerEpoch;
  const totalSteps = flat + decay;
  const noiseSteps = config.instanceNoiseEpochs === null ? totalSteps : config.instanceNoiseEpochs * stepsPerEpoch;
  const warmup = config.warmupEpochs * stepsPerEpoch;
  return {
    stepsPerEpoch,
    totalSteps,
    learningRate: (step) => config.learningRate * (step < flat ? 1 : Math.max(0, 1 - (step - flat) / decay)),
    noise: (step) => config.instanceNoise * Math.max(0, 1 - step / noiseSteps),
    updatesRare: (step) => step < warmup || (step - warmup) % config.discriminatorEvery === 0,
  };
}
