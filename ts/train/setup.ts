import { useEngine } from '../backend/engine.js';
import { loadFaces } from '../data/faces.js';
import type { TrainConfig } from './options.js';
import { PerceptualFeatures } from './perceptual-features.js';
import { Trainer } from './trainer.js';

/** A trainer with what it stands on. */
export interface Setup {
  readonly trainer: Trainer;
  /** Bad rows and files of the data, one line each. */
  readonly skipped: readonly string[];
  dispose(): void;
}

/**
 * Chooses the engine and loads what a configuration names: data, feature network, networks at their start.
 * @param onReading told how many rows or files were read so far
 * @throws UserError naming what is missing or does not fit
 */
export async function setUp(config: TrainConfig, onReading?: (rows: number) => void): Promise<Setup> {
  await useEngine(config.engine, config.precision);
  const faces = await loadFaces({ ...config, ...(onReading ? { onProgress: onReading } : {}) });
  const features = await PerceptualFeatures.load(config);
  try {
    const trainer = new Trainer(config, faces, features);
    return {
      trainer,
      skipped: faces.skipped,
      dispose() {
        trainer.dispose();
        features?.dispose();
      },
    };
  } catch (error) {
    features?.dispose();
    throw error;
  }
}
