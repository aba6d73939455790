import { useEngine, type EngineName } from '../ts/backend/engine.js';
import { loadFaces } from '../ts/data/faces.js';
import { PerceptualFeatures } from '../ts/train/perceptual-features.js';
import { presets } from '../ts/train/presets.js';
import { Trainer } from '../ts/train/trainer.js';
import type { TrainConfig } from '../ts/train/options.js';
import { measure, type Contestant } from './measure.js';
import type { Comparison } from './output.js';

/** Small enough for tfjs's cpu backend to take seconds a step, not minutes. */
const small: TrainConfig = {
  ...presets['paper-ecyclegan'],
  size: 32,
  baseWidth: 8,
  growth: 8,
  blocks: 1,
  discriminatorWidth: 8,
  discriminatorLayers: 2,
  featureLayers: ['relu2_2'],
};

const engines = ['native', 'cpu'] as const;

/** Training steps as a run makes them, from drawing a batch to reading the losses. */
export async function benchStep({ rounds = 5 } = {}): Promise<Comparison[]> {
  const faces = await loadFaces(small);
  const trainers = new Map<EngineName, { trainer: Trainer; features: PerceptualFeatures | undefined }>();
  const contestants = engines.map((name): Contestant => ({
    name,
    async enter() {
      await useEngine(name);
      if (trainers.has(name)) return;
      const features = await PerceptualFeatures.load(small);
      trainers.set(name, { trainer: new Trainer(small, faces, features), features });
    },
    async run() {
      const { trainer } = trainers.get(name)!;
      await trainer.advance();
      await trainer.readLosses();
    },
  }));
  const timings = await measure(contestants, { rounds });
  for (const [name, { trainer, features }] of trainers) {
    await useEngine(name);
    trainer.dispose();
    features?.dispose();
  }
  return [
    {
      title: 'Training step, a small ECycleGAN',
      detail: `${small.size}x${small.size}, base width ${small.baseWidth}, perceptual loss, batch ${small.batchSize}`,
      timings,
    },
  ];
}
