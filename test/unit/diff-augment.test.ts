import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { useEngine } from '../../ts/backend/engine.js';
import { diffAugment, diffAugmentations, drawDiffAugment, type DiffAugmentation } from '../../ts/train/diff-augment.js';

beforeAll(() => useEngine('native'));

const [count, h, w] = [40, 12, 16];
const draw = (kinds: readonly DiffAugmentation[], channels = 1, step = 3) =>
  drawDiffAugment(kinds, 7, step, count, [h, w, channels]);

/** Image i holds 100 y + x + 1 at (y, x), so that every pixel tells where it comes from. */
const places = (channels = 1) =>
  tf.tidy(() => {
    const y = tf.reshape(tf.range(0, h), [1, h, 1, 1]);
    const x = tf.reshape(tf.range(1, w + 1), [1, 1, w, 1]);
    return tf.tile(tf.add(tf.mul(y, 100), x), [count, 1, 1, channels]) as Tensor4D;
  });

/** Images as numbers, by image, row, column. */
const imagesOf = (x: Tensor4D) => x.arraySync().map((image) => image.map((row) => row.map((pixel) => pixel[0]!)));

describe('translation', () => {
  test.each([1, 3])(
    'moves each image whole, by up to an eighth of its sides, with zeros behind (%i channels)',
    (channels) => {
      const seen = new Set<string>();
      for (const image of imagesOf(diffAugment(places(channels), draw(['translation'], channels)))) {
        const shifts = new Set<string>();
        let pixels = 0;
        image.forEach((row, y) =>
          row.forEach((value, x) => {
            if (value === 0) return;
            pixels++;
            shifts.add(`${y - Math.floor(value / 100)},${x - ((value % 100) - 1)}`);
          }),
        );
        expect(shifts.size).toBe(1);
        const [down, right] = [...shifts][0]!.split(',').map(Number) as [number, number];
        expect(Math.abs(down)).toBeLessThanOrEqual(2);
        expect(Math.abs(right)).toBeLessThanOrEqual(2);
        expect(pixels).toBe((h - Math.abs(down)) * (w - Math.abs(right)));
        seen.add(`${down},${right}`);
      }
      // Of 25 shifts, 40 draws find more than half.
      expect(seen.size).toBeGreaterThan(12);
    },
  );
});

describe('cutout', () => {
  test('empties a square of half the sides, that may reach over the edge', () => {
    const full = new Set<boolean>();
    for (const image of imagesOf(diffAugment(places(), draw(['cutout'])))) {
      const gone: [number, number][] = [];
      image.forEach((row, y) =>
        row.forEach((value, x) => {
          if (value === 0) gone.push([y, x]);
          else expect(value).toBe(100 * y + x + 1);
        }),
      );
      const span = (at: 0 | 1) => {
        const values = gone.map((place) => place[at]);
        return Math.max(...values) - Math.min(...values) + 1;
      };
      expect(gone.length).toBe(span(0) * span(1));
      expect(span(0)).toBeLessThanOrEqual(h / 2);
      expect(span(1)).toBeLessThanOrEqual(w / 2);
      full.add(gone.length === (h / 2) * (w / 2));
    }
    expect(full.size).toBe(2);
  });
});

describe('color', () => {
  test('changes brightness by up to a half, contrast by up to a half about the mean, and nothing else', () => {
    const x: Tensor4D = tf.randomUniform([count, h, w, 1], -1, 1, 'float32', 5);
    const y = imagesOf(diffAugment(x, draw(['color'])));
    const gains: number[] = [];
    const lights: number[] = [];
    imagesOf(x).forEach((before, i) => {
      const [from, to] = [before.flat(), y[i]!.flat()];
      const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
      const [low, high] = [from.indexOf(Math.min(...from)), from.indexOf(Math.max(...from))];
      const gain = (to[high]! - to[low]!) / (from[high]! - from[low]!);
      gains.push(gain);
      lights.push(mean(to) - mean(from));
      from.forEach((value, k) => expect(to[k]).toBeCloseTo((value - mean(from)) * gain + mean(to), 4));
    });
    expect(Math.min(...gains)).toBeGreaterThanOrEqual(0.49);
    expect(Math.min(...gains)).toBeLessThan(0.65);
    expect(Math.max(...gains)).toBeLessThanOrEqual(1.51);
    expect(Math.max(...gains)).toBeGreaterThan(1.35);
    expect(Math.max(...lights.map(Math.abs))).toBeLessThanOrEqual(0.501);
    expect(Math.max(...lights)).toBeGreaterThan(0.3);
    expect(Math.min(...lights)).toBeLessThan(-0.3);
  });

  test('changes the saturation of coloured images about the mean of a pixel', () => {
    const { saturation } = draw(['color'], 3);
    const x: Tensor4D = tf.randomUniform([count, h, w, 3], -1, 1, 'float32', 6);
    const [before, after] = [x.arraySync(), diffAugment(x, { saturation: saturation! }).arraySync()];
    const gains = saturation!.dataSync();
    for (const i of [0, 17, 39]) {
      const [from, to] = [before[i]![4]![5]!, after[i]![4]![5]!];
      const mean = from.reduce((a, b) => a + b, 0) / 3;
      from.forEach((value, c) => expect(to[c]).toBeCloseTo((value - mean) * gains[i]! + mean, 5));
    }
    expect(Math.max(...gains)).toBeGreaterThan(1.6);
    expect(Math.min(...gains)).toBeLessThan(0.4);
    expect(draw(['color']).saturation).toBeUndefined();
  });
});

describe('draws', () => {
  const bytes = (kinds: readonly DiffAugmentation[], step?: number) =>
    Object.fromEntries(Object.entries(draw(kinds, 1, step)).map(([name, tensor]) => [name, [...tensor.dataSync()]]));

  test('depend on seed and step alone, and no kind on another', () => {
    const all = bytes(diffAugmentations);
    expect(bytes(diffAugmentations)).toEqual(all);
    for (const kind of diffAugmentations)
      for (const [name, values] of Object.entries(bytes([kind]))) expect(values).toEqual(all[name]);
    const next = bytes(diffAugmentations, 4);
    for (const [name, values] of Object.entries(all)) expect(next[name]).not.toEqual(values);
  });
});

test('gradients reach the image through all of it, and are those of finite differences', () => {
  // Linear in the image: a central difference has no error of its own.
  const inputs = drawDiffAugment(diffAugmentations, 3, 0, 2, [6, 8, 3]);
  const x: Tensor4D = tf.randomUniform([2, 6, 8, 3], -1, 1, 'float32', 8);
  const weights = tf.randomUniform([2, 6, 8, 3], -1, 1, 'float32', 9);
  const loss = (at: Tensor4D) => tf.sum(tf.mul(diffAugment(at, inputs), weights));
  const gradient = tf.grad((at) => loss(at as Tensor4D))(x);
  const direction: Tensor4D = tf.randomUniform([2, 6, 8, 3], -1, 1, 'float32', 10);
  const along = tf.sub(loss(tf.add(x, direction)), loss(tf.sub(x, direction))).dataSync()[0]! / 2;
  const expected = tf.sum(tf.mul(gradient, direction)).dataSync()[0]!;
  // Sums of some 300 products of float32 numbers of about 1.
  expect(along).toBeCloseTo(expected, 3);
  expect(Math.abs(along)).toBeGreaterThan(0.1);
});
