import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { Philox } from '../../ts/base/random.js';
import type { TrainConfig } from '../../ts/train/options.js';
import { presets } from '../../ts/train/presets.js';

const size = 16;

/** Writes a folder of noise images, of so many in each class, to train tiny networks on. */
export async function writeTinyFaces(
  folder: string,
  counts: Readonly<Record<string, number>> = { Neutral: 5, Disgust: 3 },
): Promise<void> {
  const random = new Philox(17);
  for (const [name, count] of Object.entries(counts)) {
    await mkdir(join(folder, name), { recursive: true });
    for (let i = 0; i < count; i++) {
      const pixels = Uint8Array.from({ length: size * size }, () => random.integer(256));
      await sharp(pixels, { raw: { width: size, height: size, channels: 1 } }).toFile(join(folder, name, `${i}.png`));
    }
  }
}

/** The smallest networks, trained for 4 epochs. */
export const tinyConfig: TrainConfig = {
  ...presets.quick,
  size,
  baseWidth: 2,
  growth: 2,
  discriminatorWidth: 2,
  epochsFlat: 2,
  epochsDecay: 2,
};

/** A run of 24 steps of them, with every remedy, that writes something at every turn. */
export const tinyRun: Omit<TrainConfig, 'data' | 'runs'> = {
  ...tinyConfig,
  stepsPerEpoch: 6,
  poolSize: 3,
  labelFlip: 0.2,
  instanceNoise: 0.1,
  diffAugment: ['translation', 'cutout'],
  discriminatorEvery: 2,
  warmupEpochs: 1,
  checkpointEvery: 5,
  sampleEvery: 10,
  samples: 2,
  logEvery: 4,
};
