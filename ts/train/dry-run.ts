import * as tf from '@tensorflow/tfjs-core';
import type { TrainConfig } from './options.js';
import type { FaceSet } from '../data/faces.js';
import { setUp, type SetupEvents } from './setup.js';
import { networkNames, type NetworkName } from './step.js';

/** What a run would be. */
export interface DryRun {
  /** With the engine that auto chose. */
  readonly config: TrainConfig;
  readonly classA: string;
  readonly classB: string;
  readonly imagesA: number;
  readonly imagesB: number;
  readonly skipped: readonly string[];
  /** Name and numbers of each network. */
  readonly networks: Readonly<Record<NetworkName, { readonly name: string; readonly size: number }>>;
  readonly totalSteps: number;
  readonly stepsPerEpoch: number;
  /** Median of the steps that were tried. */
  readonly secondsPerStep: number;
  /** The most that tensors took on the engine, where it counts that. */
  readonly peakBytes: number | undefined;
}

const trials = 4;

/**
 * Loads a run's data and networks, tries a few steps and writes nothing.
 * @param faces to try with instead of those of `config.data`
 * @throws UserError as trainCycleGan does
 */
export async function dryRun(config: TrainConfig, events: SetupEvents = {}, faces?: FaceSet): Promise<DryRun> {
  const setup = await setUp(config, events, faces);
  const { trainer, skipped } = setup;
  try {
    const seconds: number[] = [];
    for (let i = 0; i < trials; i++) {
      const start = performance.now();
      await trainer.advance();
      await trainer.readLosses();
      seconds.push((performance.now() - start) / 1000);
    }
    // The first step fills caches and memory pools.
    const [, ...warm] = seconds;
    const { peakBytes } = tf.memory() as { peakBytes?: number };
    const { networks, sizes, schedule, classA, classB, images } = trainer;
    return {
      config: setup.config,
      classA,
      classB,
      imagesA: images.a,
      imagesB: images.b,
      skipped,
      networks: Object.fromEntries(
        networkNames.map((name) => [name, { name: networks[name].name, size: sizes[name] }]),
      ) as DryRun['networks'],
      totalSteps: schedule.totalSteps,
      stepsPerEpoch: schedule.stepsPerEpoch,
      secondsPerStep: warm.sort((a, b) => a - b)[warm.length >> 1]!,
      peakBytes,
    };
  } finally {
    setup.dispose();
  }
}
