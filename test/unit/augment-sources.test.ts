import { describe, expect, test } from 'vitest';
import { UserError } from '../../ts/base/errors.js';
import { Philox } from '../../ts/base/random.js';
import { chooseSources, largestShift, renderSource, type SourceFace } from '../../ts/augment/sources.js';
import { toImages, toInput } from '../../ts/augment/pixels.js';

const size = 16;

/** Noise images; those after the first `different` repeat it. */
function noise(count: number, { different = count, channels = 1 }: { different?: number; channels?: 1 | 3 } = {}) {
  const random = new Philox(3);
  const bytes = size * size * channels;
  const pixels = Uint8Array.from({ length: count * bytes }, () => random.integer(256));
  const groups = Int32Array.from({ length: count }, (_, i) => Math.min(i, different - 1));
  for (let i = different; i < count; i++) pixels.copyWithin(i * bytes, (different - 1) * bytes, different * bytes);
  return { pixels, groups, size, channels };
}

const all = (count: number) => Array.from({ length: count }, (_, i) => i);

describe('chooseSources', () => {
  const faces = noise(6);
  const chooseAll = (n: number, seed = 1) => chooseSources(faces, all(6), { n, seed, what: 'the faces' });

  test('takes every face once and unchanged before any twice', () => {
    const chosen = chooseAll(15);
    expect(
      chosen
        .slice(0, 6)
        .map(({ index }) => index)
        .sort(),
    ).toEqual(all(6));
    for (const { flip, shiftX, shiftY } of chosen.slice(0, 6)) expect([flip, shiftX, shiftY]).toEqual([false, 0, 0]);
    for (const { flip, shiftX, shiftY } of chosen.slice(6)) expect([flip, shiftX, shiftY]).not.toEqual([false, 0, 0]);
    expect(
      chosen
        .slice(6, 12)
        .map(({ index }) => index)
        .sort(),
    ).toEqual(all(6));
  });

  test('never takes the same face changed in the same way twice, to the last one', () => {
    const changes = 2 * (2 * largestShift(size) + 1) ** 2;
    const chosen = chooseAll(6 * changes);
    expect(new Set(chosen.map((face) => JSON.stringify(face))).size).toBe(6 * changes);
    expect(new Set(chosen.map((face) => renderSource(faces, face).join())).size).toBe(6 * changes);
    expect(() => chooseAll(6 * changes + 1)).toThrow(
      new UserError(
        'Cannot make 109 faces from the faces: mirrored, and shifted by up to 1 pixel, they give 108 different ones. ' +
          'Ask for fewer, or name more faces with --data.',
      ),
    );
  });

  test('gives the same choice for the same seed, and a longer one begins like a shorter one', () => {
    expect(chooseAll(20)).toEqual(chooseAll(20));
    expect(chooseAll(20).slice(0, 9)).toEqual(chooseAll(9));
    expect(chooseAll(20, 2)).not.toEqual(chooseAll(20, 1));
  });

  test('takes one of equal images, and passes over changes that change nothing', () => {
    const repeated = noise(6, { different: 4 });
    const chosen = chooseSources(repeated, all(6), { n: 4, seed: 1, what: 'the faces' });
    expect(chosen.map(({ index }) => index).sort()).toEqual(all(4));
    // A face of one tone looks the same however it is shifted.
    const flat = { ...noise(1), pixels: new Uint8Array(size * size).fill(9) };
    expect(() => chooseSources(flat, [0], { n: 2, seed: 1, what: 'the face' })).toThrow('they give 1 different ones');
  });
});

describe('renderSource', () => {
  const face = (changes: Partial<SourceFace>) => ({ index: 0, flip: false, shiftX: 0, shiftY: 0, ...changes });
  const rows = (pixels: Uint8Array, channels = 1) =>
    Array.from({ length: 3 }, (_, y) => Array.from(pixels.subarray(y * 3 * channels, (y + 1) * 3 * channels)));
  const grid = { pixels: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9), size: 3, channels: 1 as const };

  test('shifts right and down and repeats the edge', () => {
    expect(rows(renderSource(grid, face({})))).toEqual([
      [1, 2, 3],
      [4, 5, 6],
      [7, 8, 9],
    ]);
    expect(rows(renderSource(grid, face({ shiftX: 1 })))).toEqual([
      [1, 1, 2],
      [4, 4, 5],
      [7, 7, 8],
    ]);
    expect(rows(renderSource(grid, face({ shiftX: -1, shiftY: 1 })))).toEqual([
      [2, 3, 3],
      [2, 3, 3],
      [5, 6, 6],
    ]);
  });

  test('mirrors before it shifts', () => {
    expect(rows(renderSource(grid, face({ flip: true })))).toEqual([
      [3, 2, 1],
      [6, 5, 4],
      [9, 8, 7],
    ]);
    expect(rows(renderSource(grid, face({ flip: true, shiftX: 1 })))).toEqual([
      [3, 3, 2],
      [6, 6, 5],
      [9, 9, 8],
    ]);
  });

  test('keeps colours together', () => {
    const colours = { pixels: Uint8Array.from({ length: 27 }, (_, i) => i), size: 3, channels: 3 as const };
    expect(rows(renderSource(colours, face({ flip: true })), 3)[0]).toEqual([6, 7, 8, 3, 4, 5, 0, 1, 2]);
  });
});

test.each([1, 3] as const)('pixels of %i channels go to a generator and back', (channels) => {
  const { pixels } = noise(2, { channels });
  const images = [0, 1].map((i) => pixels.slice((i * pixels.length) / 2, ((i + 1) * pixels.length) / 2));
  const input = toInput(images, { size, channels });
  // NCHW: the first plane is the first channel.
  expect(input[1]).toBeCloseTo(images[0]![channels]! / 127.5 - 1, 6);
  expect(toImages(input, { size, channels })).toEqual(images);
  input[5] = Number.NaN;
  expect(() => toImages(input, { size, channels })).toThrow('no numbers');
});
