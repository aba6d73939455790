import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Philox } from '../../ts/base/random.js';
import { measures, metricsOf } from '../../ts/evaluate/metrics.js';
import { benjaminiHochberg, compare, estimate, holm } from '../../ts/evaluate/statistics.js';

interface Golden {
  readonly cases: readonly {
    readonly classes: number;
    readonly labels: number[];
    readonly probabilities: number[];
    readonly precision: number[];
    readonly recall: number[];
    readonly f1: number[];
    readonly auc: number[];
    readonly accuracy: number;
    readonly confusion: number[][];
  }[];
  readonly comparison: {
    readonly differences: number[];
    readonly testOverTrain: number;
    readonly t: number;
    readonly oneSidedP: number;
    readonly interval: [number, number];
    readonly pValues: number[];
    readonly benjaminiHochberg: number[];
  };
}
/** scikit-learn's figures: test/golden/make_metrics.py. */
const golden = JSON.parse(readFileSync(new URL('../golden/metrics.json', import.meta.url), 'utf8')) as Golden;

describe('metricsOf', () => {
  test.each(golden.cases.map((one, i) => [i, one] as const))('gives what scikit-learn gives, case %i', (_, one) => {
    const metrics = metricsOf(one, one.classes);
    for (const measure of measures) {
      metrics.classes.forEach((of, c) => expect(of[measure]).toBeCloseTo(one[measure][c]!, 12));
      expect(metrics.mean[measure]).toBeCloseTo(one[measure].reduce((a, b) => a + b, 0) / one.classes, 12);
    }
    expect(metrics.accuracy).toBeCloseTo(one.accuracy, 12);
    expect(metrics.confusion).toEqual(one.confusion);
  });

  test('has no AUC of a class that no image has', () => {
    expect(() => metricsOf({ labels: [0, 0], probabilities: [1, 0, 0.5, 0.5] }, 2)).toThrow(
      /Class 0 has 2 of 2 images/,
    );
  });
});

describe('the corrected resampled t-test', () => {
  const { differences, testOverTrain, t, oneSidedP, interval } = golden.comparison;
  test("gives the figures of scikit-learn's published example", () => {
    const found = compare(differences, testOverTrain, 0);
    expect(found.t).toBeCloseTo(0.75, 3);
    expect(found.p / 2).toBeCloseTo(0.227, 3);
    expect(found.t).toBeCloseTo(t, 10);
    expect(found.p).toBeCloseTo(2 * oneSidedP, 6);
    expect(found.degrees).toBe(99);
    expect([found.low, found.high]).toEqual(interval.map((end) => expect.closeTo(end, 6) as number));
    expect(found.better).toBe(differences.filter((d) => d > 0).length);
  });

  test('turns its sign with the difference', () => {
    const [there, back] = [differences, differences.map((d) => -d)].map((d) => compare(d, testOverTrain, 0));
    expect(back!.t).toBe(-there!.t);
    expect(back!.p).toBe(there!.p);
    expect(back!.effect).toBe(-there!.effect);
  });

  test('without correction is the plain paired one', () => {
    // Differences 1, 2, 3, 4: mean 2.5, s^2 5/3, so t = 2.5 / sqrt(5/12), p = 0.0305 with 3 degrees of freedom.
    const { t: plain, p, effect } = compare([1, 2, 3, 4], 0, 0);
    expect(plain).toBeCloseTo(2.5 / Math.sqrt(5 / 12), 12);
    expect(p).toBeCloseTo(0.030466, 5);
    expect(effect).toBeCloseTo(2.5 / Math.sqrt(5 / 3), 12);
  });

  test('takes figures that agree to be known to a step of theirs', () => {
    // Three times 0.1 of ten images: s = 0.1 / sqrt(12), t = 0.1 / (s sqrt(1/3 + 1/2)), 2 degrees of freedom.
    const same = compare([0.1, 0.1, 0.1], 0.5, 0.1);
    expect(same.t).toBeCloseTo(Math.sqrt(12 / (1 / 3 + 1 / 2)), 10);
    expect(same.p).toBeCloseTo(0.0631, 3);
    expect(same.deviation).toBeCloseTo(0, 12);
    expect(same.low).toBeLessThan(0);
    expect(Number.isFinite(same.effect)).toBe(true);
    // What varies by more goes by how it varies.
    expect(compare([0.1, 0.3, 0.2], 0.5, 0.1)).toEqual(compare([0.1, 0.3, 0.2], 0.5, 0));
    expect(compare([0, 0, 0], 0.1, 0.1)).toMatchObject({ t: 0, p: 1, effect: 0, mean: 0 });
    expect(() => estimate([1], 0.1, 0)).toThrow('at least 2 fits');
  });

  // By simulation: two classifiers of the same recall, few rare images, two folds. Without a step, one in ten
  // such comparisons has two equal differences, and p = 0.
  test('finds next to nothing by chance where little is tested on', () => {
    const random = new Philox(5);
    const images = 10;
    const recall = () => Array.from({ length: images }, () => random.uniform() < 0.5).filter(Boolean).length / images;
    const runs = 2000;
    const found = Array.from({ length: runs }, () =>
      compare([recall() - recall(), recall() - recall()], 1, 1 / images),
    ).filter(({ p }) => p < 0.01);
    expect(found.length / runs).toBeLessThan(0.01);
  });
});

test('Holm and Benjamini-Hochberg correct for many comparisons', () => {
  // R: p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm")
  const adjusted = [0.05, 0.08, 0.09, 0.09, 0.09];
  expect(holm([0.03, 0.01, 0.05, 0.02, 0.04])).toEqual(
    [2, 0, 4, 1, 3].map((i) => expect.closeTo(adjusted[i]!, 12) as number),
  );
  const { pValues, benjaminiHochberg: expected } = golden.comparison;
  expect(benjaminiHochberg(pValues)).toEqual(expected.map((p) => expect.closeTo(p, 12) as number));
  expect([holm([]), benjaminiHochberg([])]).toEqual([[], []]);
});
