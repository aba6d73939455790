import { studentT } from './student-t.js';

/** A mean over the fits of a repeated cross-validation. */
export interface Estimate {
  readonly mean: number;
  /** 95 % interval. */
  readonly low: number;
  readonly high: number;
  /** Standard deviation over the fits. */
  readonly deviation: number;
}

/** A difference between two treatments that were fitted on the same folds. */
export interface Comparison extends Estimate {
  /** Corrected resampled t statistic, of `degrees` degrees of freedom. */
  readonly t: number;
  readonly degrees: number;
  /** Two-sided, of the difference being 0. */
  readonly p: number;
  /** Cohen's d of paired differences: mean / deviation, or what a step leaves of it. */
  readonly effect: number;
  /** Fits in which the difference is above 0, of all. */
  readonly better: number;
  readonly fits: number;
}

/**
 * Mean and 95 % interval of a figure over the fits of a repeated k-fold cross-validation. Training
 * sets overlap, so that fits vary less than they would on fresh data: the variance of the mean is
 * (1 / fits + test / train) s^2 instead of s^2 / fits (Nadeau & Bengio, "Inference for the
 * generalization error", Machine Learning 52, 2003; for repeated k-fold Bouckaert & Frank 2004).
 *
 * Figures move in steps: with 27 images of a class its recall by 1/27. Few fits often agree by chance to the
 * last digit, which says nothing of how far others would be: s is taken to be at least what rounding to a step
 * leaves of any value, step / sqrt(12) (Sheppard 1898).
 * @param values of each fit, at least two
 * @param testOverTrain images tested on / images trained on: 1/9 for ten folds
 * @param step of the figure
 */
export function estimate(values: readonly number[], testOverTrain: number, step: number): Estimate {
  const { mean, deviation, error, degrees } = corrected(values, testOverTrain, step);
  const reach = error === 0 ? 0 : studentT.quantile(0.975, degrees) * error;
  return { mean, low: mean - reach, high: mean + reach, deviation };
}

/**
 * The corrected resampled t-test (Nadeau & Bengio 2003, equation 19, on the differences of all
 * repeats and folds): t = mean / sqrt((1 / fits + test / train) s^2) with fits - 1 degrees of freedom.
 * @param differences treatment minus baseline, of each fit
 * @param step of the figure: see {@link estimate}
 */
export function compare(differences: readonly number[], testOverTrain: number, step: number): Comparison {
  const { mean, spread, error, degrees } = corrected(differences, testOverTrain, step);
  const t = mean === 0 ? 0 : mean / error;
  return {
    ...estimate(differences, testOverTrain, step),
    t,
    degrees,
    p: mean === 0 ? 1 : 2 * studentT.upperTail(Math.abs(t), degrees),
    effect: mean === 0 ? 0 : mean / spread,
    better: differences.filter((difference) => difference > 0).length,
    fits: differences.length,
  };
}

function corrected(values: readonly number[], testOverTrain: number, step: number) {
  const n = values.length;
  if (n < 2) throw new RangeError(`Expected at least 2 fits, got ${n}.`);
  const mean = values.reduce((a, b) => a + b, 0) / n;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
  const deviation = Math.sqrt(variance);
  const spread = Math.max(deviation, step / Math.sqrt(12));
  return { ...{ mean, deviation, spread }, error: Math.sqrt(1 / n + testOverTrain) * spread, degrees: n - 1 };
}

/**
 * p values corrected for their number so that the chance of any false finding stays below the level
 * (Holm 1979).
 * @returns in the order given
 */
export function holm(pValues: readonly number[]): number[] {
  const adjusted = Array<number>(pValues.length);
  let highest = 0;
  for (const [rank, i] of ascending(pValues).entries()) {
    highest = Math.max(highest, Math.min(1, (pValues.length - rank) * pValues[i]!));
    adjusted[i] = highest;
  }
  return adjusted;
}

/**
 * p values corrected so that the expected part of false ones among all findings stays below the
 * level (Benjamini & Hochberg 1995).
 * @returns in the order given
 */
export function benjaminiHochberg(pValues: readonly number[]): number[] {
  const adjusted = Array<number>(pValues.length);
  let lowest = 1;
  for (const [rank, i] of [...ascending(pValues).entries()].reverse()) {
    lowest = Math.min(lowest, (pValues.length / (rank + 1)) * pValues[i]!);
    adjusted[i] = lowest;
  }
  return adjusted;
}

const ascending = (values: readonly number[]): number[] => [...values.keys()].sort((a, b) => values[a]! - values[b]!);
