import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { drawUniform } from './draws.js';

/** Kinds of change, in the order in which they are made. */
export const diffAugmentations = ['color', 'translation', 'cutout'] as const;
export type DiffAugmentation = (typeof diffAugmentations)[number];

/** What is done to each of n images [h, w, c]; what is left out is not done. */
export type DiffAugmentInputs = {
  /** [n, 1, 1, 1]: added. */
  readonly brightness?: Tensor4D;
  /** [n, 1, 1, 1]: times a pixel's distance from the mean of its channels. */
  readonly saturation?: Tensor4D;
  /** [n, 1, 1, 1]: times the distance from the image's mean. */
  readonly contrast?: Tensor4D;
  /** [n, 1, h, h]: 1 where the row of the result (first) is that row of the image; zeros come in from outside. */
  readonly rows?: Tensor4D;
  /** [n, 1, w, w]: the same of columns. */
  readonly columns?: Tensor4D;
  /** [n, h, w, 1]: 0 in a square that is cut out, else 1. */
  readonly kept?: Tensor4D;
};

/**
 * Differentiable augmentation of what a discriminator sees (Zhao et al. 2020, "Differentiable Augmentation for
 * Data-Efficient GAN Training"): where real images are few it learns them by heart, unless they, and the generator's,
 * are others every time. The generator learns through it, and is not asked to make images that look so.
 * @param x [n, h, w, c] in [-1, 1]
 */
export function diffAugment(x: Tensor4D, inputs: DiffAugmentInputs): Tensor4D {
  const { brightness, saturation, contrast, rows, columns, kept } = inputs;
  const about = (mean: Tensor4D, gain: Tensor4D) => (x = tf.add(tf.mul(tf.sub(x, mean), gain), mean));
  if (brightness) x = tf.add(x, brightness);
  if (saturation) about(tf.mean(x, 3, true), saturation);
  if (contrast) about(tf.mean(x, [1, 2, 3], true), contrast);
  if (rows) x = rowsFrom(rows, x);
  if (columns) x = turned(rowsFrom(columns, turned(x)));
  return kept ? tf.mul(x, kept) : x;
}

/** Each row of the result a sum of an image's rows. @param weights [n, 1, h, h] @param x [n, h, w, c] */
function rowsFrom(weights: Tensor4D, x: Tensor4D): Tensor4D {
  const [n, h, w, c] = x.shape;
  // Not as stacks that broadcast: tfjs's cpu backend repeats the wrong ones.
  return tf.reshape(tf.matMul(tf.reshape(weights, [n, h, h]), tf.reshape(x, [n, h, w * c])), [n, h, w, c]);
}

const turned = (x: Tensor4D): Tensor4D => tf.transpose(x, [0, 2, 1, 3]);

/** Of an image's side: how far it is moved at most, and the side of the square that is cut out (Zhao et al. 2020). */
const translationRatio = 0.125;
const cutoutRatio = 0.5;
const drawsPerImage = 7;

/** A step's draws for some images. @param image their shape */
export function drawDiffAugment(
  kinds: readonly DiffAugmentation[],
  seed: number,
  step: number,
  count: number,
  [h, w, channels]: readonly [number, number, number],
): DiffAugmentInputs {
  // Of every kind, wanted or not: one does not change the others.
  const all = drawUniform(seed, 'augment', step, count * drawsPerImage);
  const draws = Array.from({ length: count }, (_, i) => all.subarray(i * drawsPerImage, (i + 1) * drawsPerImage));
  const scalars = (at: number, low: number, high: number) =>
    tf.tensor4d(
      draws.map((draw) => low + (high - low) * draw[at]!),
      [count, 1, 1, 1],
    );
  const inputs: { -readonly [Key in keyof DiffAugmentInputs]: Tensor4D } = {};
  if (kinds.includes('color')) {
    inputs.brightness = scalars(0, -0.5, 0.5);
    if (channels > 1) inputs.saturation = scalars(1, 0, 2);
    inputs.contrast = scalars(2, 0.5, 1.5);
  }
  if (kinds.includes('translation')) {
    inputs.rows = shifts(draws, 3, h);
    inputs.columns = shifts(draws, 4, w);
  }
  if (kinds.includes('cutout')) inputs.kept = squaresCutOut(draws, 5, h, w);
  return inputs;
}

/** Of each image, uniform in [0, 1). */
type Draws = readonly Float32Array[];

/** Uniform integers in [low, high] of uniform numbers in [0, 1). */
const between = (uniform: number, low: number, high: number): number => low + Math.floor(uniform * (high - low + 1));

/** [n, 1, size, size] */
function shifts(draws: Draws, at: number, size: number): Tensor4D {
  const farthest = Math.round(size * translationRatio);
  const values = new Float32Array(draws.length * size * size);
  draws.forEach((draw, i) => {
    const shift = between(draw[at]!, -farthest, farthest);
    for (let to = Math.max(0, shift); to < Math.min(size, size + shift); to++)
      values[(i * size + to) * size + to - shift] = 1;
  });
  return tf.tensor4d(values, [draws.length, 1, size, size]);
}

/** [n, h, w, 1]; the squares' middles lie anywhere in the image. */
function squaresCutOut(draws: Draws, at: number, h: number, w: number): Tensor4D {
  const values = new Float32Array(draws.length * h * w).fill(1);
  draws.forEach((draw, i) => {
    const [top, bottom] = sideOf(draw[at]!, h);
    const [left, right] = sideOf(draw[at + 1]!, w);
    for (let y = top; y < bottom; y++) values.fill(0, (i * h + y) * w + left, (i * h + y) * w + right);
  });
  return tf.tensor4d(values, [draws.length, h, w, 1]);
}

/** From where to where a square reaches. */
function sideOf(uniform: number, size: number): [number, number] {
  const side = Math.round(size * cutoutRatio);
  const first = between(uniform, 0, size - (side % 2)) - Math.floor(side / 2);
  return [Math.max(0, first), Math.min(size, first + side)];
}
