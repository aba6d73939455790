import { stringify } from 'csv-stringify/sync';
import type { FaceSet } from '../data/faces.js';
import type { LabelNoise } from './confident-learning.js';
import { criterionNames, type Criterion, type CriterionName } from './criteria.js';
import { probabilityColumn } from './probabilities-file.js';

/** What the filters did to one class. */
export interface ClassCounts {
  readonly className: string;
  readonly before: number;
  readonly kept: number;
  /** How many each filter alone would drop. */
  readonly droppedBy: Partial<Record<CriterionName, number>>;
}

/** Quantiles of a score. */
export type Quantiles = Readonly<Record<'lowest' | 'q01' | 'q05' | 'q25' | 'median' | 'q75' | 'highest', number>>;

export function countClasses(
  { labels, classNames }: Pick<FaceSet, 'labels' | 'classNames'>,
  kept: readonly boolean[],
  criteria: readonly Criterion[],
): ClassCounts[] {
  return classNames.map((className, label) => {
    const members = Array.from(labels.keys()).filter((i) => labels[i] === label);
    return {
      className,
      before: members.length,
      kept: members.filter((i) => kept[i]).length,
      droppedBy: Object.fromEntries(
        criteria.map((criterion) => [criterion.name, members.filter((i) => !criterion.kept[i]).length]),
      ),
    };
  });
}

/** Of the numbers among them. */
export function quantilesOf(scores: Float64Array): Quantiles {
  const sorted = scores.filter((score) => !Number.isNaN(score)).sort();
  const at = (part: number) => sorted[Math.round(part * (sorted.length - 1))] ?? NaN;
  return { lowest: at(0), q01: at(0.01), q05: at(0.05), q25: at(0.25), median: at(0.5), q75: at(0.75), highest: at(1) };
}

/** Pairs of label and class that are confused most: estimated faces with the label that are truly of the class. */
export function worstPairs({ joint }: LabelNoise, classNames: readonly string[], count: number): string[] {
  return joint
    .flatMap((row, label) => row.map((faces, other) => ({ label, other, faces })))
    .filter(({ label, other, faces }) => label !== other && faces > 0)
    .sort((a, b) => b.faces - a.faces)
    .slice(0, count)
    .map(({ label, other, faces }) => `${faces} labelled ${classNames[label]!} are ${classNames[other]!}`);
}

/** A row for each face: what it is, whether it was kept, every score, and the probabilities where there are any. */
export function scoresCsv(
  faces: FaceSet,
  kept: readonly boolean[],
  criteria: readonly Criterion[],
  probabilities: Float32Array | undefined,
): string {
  const { classNames, labels } = faces;
  const scored = criteria.filter((criterion) => criterion.scores);
  const header = [
    ...['source', 'class', 'kept', 'dropped_by'],
    ...scored.map(({ name }) => name.replaceAll('-', '_')),
    ...(probabilities ? classNames.map(probabilityColumn) : []),
  ];
  const rows = Array.from(labels, (label, i) => [
    faces.source(i),
    classNames[label]!,
    kept[i] ? 1 : 0,
    criterionNames.filter((name) => criteria.some((c) => c.name === name && !c.kept[i])).join(' '),
    ...scored.map(({ scores }) => shown(scores![i]!)),
    ...(probabilities ? classNames.map((_, k) => shown(probabilities[i * classNames.length + k]!)) : []),
  ]);
  return stringify([header, ...rows]);
}

const shown = (value: number): string => (Number.isNaN(value) ? '' : String(Number(value.toPrecision(6))));
