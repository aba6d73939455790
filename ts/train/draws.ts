import { Philox } from '../base/random.js';

/**
 * Random streams of a run's seed. What a step draws depends on (seed, stream, step) alone, so that
 * a resumed run draws what an uninterrupted one draws; the orders and the replay buffers, which
 * take a varying number of words, keep their position in the checkpoint.
 */
export const streams = {
  generatorAB: 0,
  generatorBA: 1,
  discriminatorA: 2,
  discriminatorB: 3,
  orderA: 8,
  orderB: 9,
  replayA: 10,
  replayB: 11,
  flipA: 12,
  flipB: 13,
  labels: 14,
  noise: 15,
  mixA: 16,
  mixB: 17,
  samples: 18,
  augment: 19,
} as const;
export type StreamName = keyof typeof streams;

/** `count` draws of a step, each true with this probability. */
export function drawChoices(
  seed: number,
  stream: StreamName,
  step: number,
  count: number,
  probability: number,
): boolean[] {
  const random = new Philox(seed, streams[stream], step * count);
  return Array.from({ length: count }, () => random.uniform() < probability);
}

/** `count` draws of a step, uniform in [0, 1). */
export function drawUniform(seed: number, stream: StreamName, step: number, count: number): Float32Array {
  const random = new Philox(seed, streams[stream], step * count);
  return Float32Array.from({ length: count }, () => random.uniform());
}

/** `count` draws of a step from N(0, deviation). */
export function drawNormal(
  seed: number,
  stream: StreamName,
  step: number,
  count: number,
  deviation: number,
): Float32Array {
  // A normal number takes two words.
  const random = new Philox(seed, streams[stream], step * count * 2);
  return Float32Array.from({ length: count }, () => deviation * random.normal());
}
