import { describe, expect, test } from 'vitest';
import { UserError } from '../../ts/base/errors.js';
import { Philox } from '../../ts/base/random.js';
import { splitGroups } from '../../ts/data/split.js';

/** 600 images of three classes, about a quarter of them equal to another, at times of another class. */
function someFaces() {
  const random = new Philox(5);
  const count = 600;
  const labels = Uint8Array.from({ length: count }, () => (random.uniform() < 0.1 ? 2 : random.integer(2)));
  const groups = Int32Array.from({ length: count }, (_, i) => (random.uniform() < 0.25 ? random.integer(i + 1) : i));
  return { count, labels, groups, classNames: ['a', 'b', 'c'] };
}

const faces = someFaces();
const countsOf = (indices: Int32Array) =>
  faces.classNames.map((_, label) => indices.filter((i) => faces.labels[i] === label).length);

describe('splitGroups', () => {
  test('keeps equal images on one side, every image once', () => {
    const { train, holdout } = splitGroups(faces, { holdout: { fraction: 0.3 }, seed: 1 });
    const held = new Set(holdout.map((i) => faces.groups[i]!));
    expect([...train].some((i) => held.has(faces.groups[i]!))).toBe(false);
    expect([...train, ...holdout].sort((a, b) => a - b)).toEqual(Array.from({ length: 600 }, (_, i) => i));
    expect([...holdout]).toEqual([...holdout].sort((a, b) => a - b));
  });

  test('takes the same part of every class', () => {
    const { holdout } = splitGroups(faces, { holdout: { fraction: 0.3 }, seed: 1 });
    const all = countsOf(Int32Array.from({ length: 600 }, (_, i) => i));
    expect(countsOf(holdout)).toEqual(all.map((n) => Math.round(0.3 * n)));
  });

  test('takes so many of every class', () => {
    expect(countsOf(splitGroups(faces, { holdout: { perClass: 20 }, seed: 2 }).holdout)).toEqual([20, 20, 20]);
  });

  test('depends on the seed alone', () => {
    const split = (seed: number) => splitGroups(faces, { holdout: { fraction: 0.2 }, seed });
    expect(split(3)).toEqual(split(3));
    expect(split(4)).not.toEqual(split(3));
  });

  test('splits a part on demand', () => {
    const indices = Int32Array.from({ length: 300 }, (_, i) => 2 * i);
    const { train, holdout } = splitGroups(faces, { holdout: { fraction: 0.5 }, seed: 1, indices });
    expect([...train, ...holdout].sort((a, b) => a - b)).toEqual([...indices]);
  });

  test('refuses what cannot be', () => {
    const small = countsOf(Int32Array.from({ length: 600 }, (_, i) => i))[2]!;
    expect(() => splitGroups(faces, { holdout: { perClass: small }, seed: 1 })).toThrow(
      new UserError(`The class c has ${small} images, expected more than the ${small} to hold out.`),
    );
    expect(() => splitGroups(faces, { holdout: { perClass: 0 }, seed: 1 })).toThrow(/integer above 0/);
    expect(() => splitGroups(faces, { holdout: { fraction: 1 }, seed: 1 })).toThrow(/between 0 and 1/);
  });
});
