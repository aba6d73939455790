import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { UserError } from '../../ts/base/errors.js';
import { stratifiedFolds, without } from '../../ts/data/folds.js';
import { splitGroups } from '../../ts/data/split.js';

/** Images of up to four classes, many of them equal to others, at times of another class. */
const someFaces = fc
  .array(fc.record({ label: fc.integer({ min: 0, max: 3 }), group: fc.integer({ min: 0, max: 60 }) }), {
    minLength: 40,
    maxLength: 300,
  })
  .map((images) => ({
    count: images.length,
    labels: Uint8Array.from(images, ({ label }) => label),
    groups: Int32Array.from(images, ({ group }) => group),
    classNames: ['a', 'b', 'c', 'd'],
  }));

const seeds = fc.integer({ min: 0, max: 0xffffffff });

/** What the function gives, or undefined where the faces are too few for it. */
function unlessTooFew<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

describe('stratifiedFolds', () => {
  test('never parts equal images, and deals every image once, whatever the groups', () => {
    let divided = 0;
    fc.assert(
      fc.property(
        someFaces,
        seeds,
        fc.integer({ min: 2, max: 6 }),
        fc.integer({ min: 0, max: 9 }),
        (faces, seed, k, repeat) => {
          const folds = unlessTooFew(() => stratifiedFolds(faces, { folds: k, seed, repeat }));
          if (!folds) return;
          divided++;
          expect(folds.flatMap((fold) => [...fold]).sort((a, b) => a - b)).toEqual([...faces.labels.keys()]);
          for (const [f, fold] of folds.entries()) {
            const tested = new Set(fold.map((i) => faces.groups[i]!));
            const trained = folds.flatMap((other, o) => (o === f ? [] : [...other]));
            expect(trained.some((i) => tested.has(faces.groups[i]!))).toBe(false);
            for (const label of new Set(faces.labels)) expect(fold.some((i) => faces.labels[i] === label)).toBe(true);
          }
        },
      ),
      { numRuns: 200, seed: 1 },
    );
    expect(divided).toBeGreaterThan(50);
  });

  test('keeps what is held out apart from every fold', () => {
    fc.assert(
      fc.property(someFaces, seeds, (faces, seed) => {
        const { train, holdout } = splitGroups(faces, { holdout: { fraction: 0.2 }, seed });
        const folds = unlessTooFew(() => stratifiedFolds(faces, { folds: 3, seed, indices: train }));
        if (!folds) return;
        const held = new Set(holdout.map((i) => faces.groups[i]!));
        expect(folds.flatMap((fold) => [...fold]).some((i) => held.has(faces.groups[i]!))).toBe(false);
        expect(without(train, folds[0]!)).toEqual(Int32Array.from([...folds[1]!, ...folds[2]!]).sort());
      }),
      { numRuns: 100, seed: 2 },
    );
  });

  test('gives every fold its share of every class', () => {
    // A class of 421, one of 7,967: 42 or 43, and 796 or 797, in each of ten.
    const sizes = [421, 7967];
    const labels = Uint8Array.from(sizes.flatMap((size, label) => Array<number>(size).fill(label)));
    const faces = {
      count: labels.length,
      labels,
      groups: Int32Array.from(labels, (_, i) => i),
      classNames: ['Disgust', 'Happy'],
    };
    const folds = stratifiedFolds(faces, { folds: 10, seed: 1 });
    for (const [label, size] of sizes.entries())
      for (const fold of folds) {
        const share = fold.filter((i) => labels[i] === label).length;
        expect(Math.abs(share - size / 10)).toBeLessThan(1);
      }
    expect(Math.max(...folds.map((f) => f.length)) - Math.min(...folds.map((f) => f.length))).toBeLessThan(3);
  });

  const faces = {
    count: 60,
    labels: Uint8Array.from({ length: 60 }, (_, i) => i % 3),
    groups: Int32Array.from({ length: 60 }, (_, i) => (i % 3 === 2 ? Math.floor(i / 20) + 100 : i)),
    classNames: ['a', 'b', 'c'],
  };

  test('depends on seed and repeat alone', () => {
    const deal = (seed: number, repeat: number) => stratifiedFolds(faces, { folds: 3, seed, repeat });
    expect(deal(4, 1)).toEqual(deal(4, 1));
    expect(deal(4, 1)).not.toEqual(deal(4, 2));
    expect(deal(4, 1)).not.toEqual(deal(5, 1));
  });

  test('refuses a class of fewer different images than folds', () => {
    expect(() => stratifiedFolds(faces, { folds: 5, seed: 1 })).toThrow(
      'The class c has 3 different images to divide, expected at least 5, one for each fold.',
    );
    expect(() => stratifiedFolds(faces, { folds: 1, seed: 1 })).toThrow(/an integer above 1 for the number of folds/);
  });
});
