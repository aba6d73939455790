import { mostProbable } from '../classify/predict.js';

/** What a classifier said of images whose class is known. */
export interface Predictions {
  /** Class of each image. */
  readonly labels: ArrayLike<number>;
  /** [images, classes] */
  readonly probabilities: ArrayLike<number>;
}

export const measures = ['precision', 'recall', 'f1', 'auc'] as const;
export type Measure = (typeof measures)[number];

/** 0..1 each; `auc` is the area under the ROC curve of this class against all others. */
export type ClassMetrics = Readonly<Record<Measure, number>>;

export interface Metrics {
  /** Of each class. */
  readonly classes: readonly ClassMetrics[];
  /** Means over the classes, each counting the same ("macro"). */
  readonly mean: ClassMetrics;
  readonly accuracy: number;
  /** Images of each class (row) that were given each class (column). */
  readonly confusion: readonly (readonly number[])[];
}

/**
 * The figures of some predictions; the class of an image is the most probable one. A class that no
 * image is given has precision 0, as in scikit-learn with zero_division=0.
 * @throws Error for a class that none, or all, of the images have: there is no curve to measure under
 */
export function metricsOf({ labels, probabilities }: Predictions, classes: number): Metrics {
  const found = mostProbable(probabilities, classes);
  const confusion = Array.from({ length: classes }, () => Array<number>(classes).fill(0));
  for (let n = 0; n < labels.length; n++) confusion[labels[n]!]![found[n]!]!++;
  const each = confusion.map((row, c): ClassMetrics => {
    const right = row[c]!;
    const precision = ratio(right, sum(confusion.map((other) => other[c]!)));
    const recall = ratio(right, sum(row));
    const f1 = ratio(2 * precision * recall, precision + recall);
    return { precision, recall, f1, auc: rocAuc({ labels, probabilities }, classes, c) };
  });
  const mean = (measure: Measure) => sum(each.map((metrics) => metrics[measure])) / classes;
  return {
    classes: each,
    mean: { precision: mean('precision'), recall: mean('recall'), f1: mean('f1'), auc: mean('auc') },
    accuracy: ratio(sum(confusion.map((row, c) => row[c]!)), labels.length),
    confusion,
  };
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

/**
 * The area under the ROC curve of one class against all others, by ranks (Mann & Whitney 1947):
 * the probability that an image of the class has a higher score than one of another; equal scores
 * count half.
 */
function rocAuc({ labels, probabilities }: Predictions, classes: number, label: number): number {
  const n = labels.length;
  const score = (i: number) => probabilities[i * classes + label]!;
  const order = Uint32Array.from({ length: n }, (_, i) => i).sort((a, b) => score(a) - score(b));
  let ranks = 0;
  let positives = 0;
  for (let start = 0; start < n;) {
    let end = start;
    let own = 0;
    while (end < n && score(order[end]!) === score(order[start]!)) if (labels[order[end++]!] === label) own++;
    // Equal scores share the mean of their ranks start + 1 ... end.
    ranks += (own * (start + 1 + end)) / 2;
    positives += own;
    start = end;
  }
  if (positives === 0 || positives === n)
    throw new Error(`Class ${label} has ${positives} of ${n} images: the area under its ROC curve is not defined.`);
  return (ranks - (positives * (positives + 1)) / 2) / (positives * (n - positives));
}
