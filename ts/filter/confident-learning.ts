import { countLabels } from '../data/faces.js';

/** What a classifier says of images that it was not trained on. */
export interface Probabilities {
  readonly classes: number;
  /** [n, classes], each row sums to 1. */
  readonly values: ArrayLike<number>;
}

export const noiseMethods = ['class', 'noise-rate', 'both'] as const;
export type NoiseMethod = (typeof noiseMethods)[number];

export interface LabelNoise {
  /** Of each class, the mean probability of it among images with that label: above it, an image is surely of the class. */
  readonly thresholds: Float64Array;
  /** [classes, classes]: estimated images of each label (row) that are truly of each class (column). */
  readonly joint: readonly (readonly number[])[];
  /** Of each image, whether its label is held for wrong. */
  readonly wrong: readonly boolean[];
}

/** Probabilities this near to each other are equal. */
const nearby = 1e-6;

/**
 * Confident learning: Northcutt, Jiang & Chuang, "Confident Learning: Estimating Uncertainty in
 * Dataset Labels" (JAIR 2021). The joint of given and true labels is counted from images whose
 * probability of a class exceeds that class's threshold (equations 1 and 2), calibrated to the counts
 * of the labels (equation 3), and says how many images to prune; the least probable are (section 3.2).
 * An image whose label is its most probable class is never pruned.
 * @param method class: from each label as many as its joint says are wrong, the least probable of
 *   their own label; noise-rate: for each pair of label and true class as many as the joint says,
 *   by the margin of the other class; both: those that both would prune
 */
export function findLabelNoise(
  labels: ArrayLike<number>,
  probabilities: Probabilities,
  method: NoiseMethod,
): LabelNoise {
  const thresholds = confidentThresholds(labels, probabilities);
  const joint = confidentJoint(labels, probabilities, thresholds);
  const { classes, values } = probabilities;
  const wrong = Array<boolean>(labels.length).fill(false);
  const at = (i: number, k: number) => values[i * classes + k]!;
  for (let label = 0; label < classes; label++) {
    const members: number[] = [];
    for (let i = 0; i < labels.length; i++) if (labels[i] === label) members.push(i);
    if (members.length < 2) continue;
    const counts = keepOne(joint[label]!, label);
    const lowest = (score: (i: number) => number, count: number) =>
      [...members].sort((a, b) => score(a) - score(b) || a - b).slice(0, count);
    const byClass = new Set(lowest((i) => at(i, label), members.length - counts[label]!));
    const byRate = new Set(
      counts.flatMap((count, other) => (other === label ? [] : lowest((i) => at(i, label) - at(i, other), count))),
    );
    for (const i of members) {
      const pruned = (method === 'noise-rate' || byClass.has(i)) && (method === 'class' || byRate.has(i));
      wrong[i] = pruned && mostProbable(at, i, classes, label) !== label;
    }
  }
  return { thresholds, joint, wrong };
}

/** The class of highest probability; the label wins over one that is hardly higher. */
function mostProbable(at: (i: number, k: number) => number, i: number, classes: number, label: number): number {
  let best = label;
  for (let k = 0; k < classes; k++) if (at(i, k) > at(i, best) + (best === label ? nearby : 0)) best = k;
  return best;
}

/** Equation 2; infinite for a class without labels. */
function confidentThresholds(labels: ArrayLike<number>, { classes, values }: Probabilities): Float64Array {
  const sums = new Float64Array(classes);
  const counts = countLabels(labels, classes);
  for (let i = 0; i < labels.length; i++) sums[labels[i]!]! += values[i * classes + labels[i]!]!;
  return sums.map((sum, k) => (counts[k]! > 0 ? sum / counts[k]! : Infinity));
}

/** Equations 1 and 3, as whole images. */
function confidentJoint(
  labels: ArrayLike<number>,
  { classes, values }: Probabilities,
  thresholds: Float64Array,
): number[][] {
  const joint = Array.from({ length: classes }, () => Array<number>(classes).fill(0));
  for (let i = 0; i < labels.length; i++) {
    let confident = 0;
    let only = -1;
    let best = 0;
    for (let k = 0; k < classes; k++) {
      const p = values[i * classes + k]!;
      if (p >= thresholds[k]! - nearby) {
        confident++;
        only = k;
      }
      if (p > values[i * classes + best]!) best = k;
    }
    if (confident > 0) joint[labels[i]!]![confident === 1 ? only : best]!++;
  }
  const counts = countLabels(labels, classes);
  return joint.map((row, k) => {
    // Every class has at least one image that is labelled as it should be.
    row[k] = Math.max(1, row[k]!);
    const sum = row.reduce((a, b) => a + b, 0);
    return roundKeepingSum(row.map((count) => (count / sum) * counts[k]!));
  });
}

/** A row of the joint that leaves at least one image with this label. */
function keepOne(row: readonly number[], label: number): number[] {
  const lacking = Math.max(0, 1 - row[label]!);
  const others = Math.max(1, row.filter((count) => count > 0).length - 1);
  return row.map((count, k) => (k === label ? count + lacking : Math.floor(Math.max(0, count - lacking / others))));
}

/** Whole numbers of the same sum, each as near as can be. */
function roundKeepingSum(values: readonly number[]): number[] {
  const rounded = values.map(Math.round);
  const missing = Math.round(values.reduce((a, b) => a + b, 0)) - rounded.reduce((a, b) => a + b, 0);
  const step = Math.sign(missing);
  const order = values.map((_, i) => i).sort((a, b) => step * (values[b]! - rounded[b]! - (values[a]! - rounded[a]!)));
  for (const i of order.slice(0, Math.abs(missing))) rounded[i]! += step;
  return rounded;
}
