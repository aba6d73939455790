import { useEngine } from '../backend/engine.js';
import { loadFaces, type FaceSet } from '../data/faces.js';
import type { TrainConfig } from './options.js';
import { PerceptualFeatures } from './perceptual-features.js';
import { Trainer } from './trainer.js';

/** What a set-up tells while it goes on. */
export interface SetupEvents {
  /** One line on the engine that auto chose. */
  onEngine?(note: string): void;
  /** Rows of a csv read so far. */
  onReading?(rows: number): void;
}

/** A trainer with what it stands on. */
export interface Setup {
  /** The configuration, with the engine that auto chose. */
  readonly config: TrainConfig;
  readonly trainer: Trainer;
  /** Bad rows and files of the data, one line each. */
  readonly skipped: readonly string[];
  dispose(): void;
}

/**
 * Chooses the engine and loads what a configuration names: data, feature network, networks at their start.
 * @param events told how many rows or files were read so far, and which engine auto chose
 * @param own faces to train on instead of those of `given.data`
 * @throws UserError naming what is missing or does not fit
 */
export async function setUp(given: TrainConfig, events: SetupEvents = {}, own?: FaceSet): Promise<Setup> {
  const engine = await useEngine(given.engine, given.precision, { onChosen: (note) => events.onEngine?.(note) });
  const config: TrainConfig = { ...given, engine };
  const faces = own ?? (await loadFaces({ ...config, onProgress: (rows) => events.onReading?.(rows) }));
  const features = await PerceptualFeatures.load(config);
  try {
    const trainer = new Trainer(config, faces, features);
    return {
      config,
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
