import { stringify } from 'csv-stringify/sync';
import { describeFigure, sameFigure } from '../evaluate/figures.js';
import { tableFigures } from '../evaluate/report.js';
import { figureIn, type ComparedFigure } from '../evaluate/summary.js';
import { findingOf } from '../evaluate/verdict.js';
import type { GroupResult, StudyResult } from './results.js';

/** Everything as JSON, without what differs from machine to machine: paths and times. */
export function resultJson({ name, groups, missing }: StudyResult): string {
  const plain = groups.map(({ summary, ...group }) => ({
    ...group,
    ...summary,
    arms: summary.arms.map(({ treatment: { faces: _, ...treatment }, ...arm }) => ({ ...arm, treatment })),
  }));
  return `${JSON.stringify({ name, groups: plain, missing }, null, 2)}\n`;
}

const columns = [
  ...['filter', 'class', 'arm', 'faces_added', 'figure', 'mean', 'low', 'high', 'against', 'difference'],
  ...['difference_low', 'difference_high', 'p', 'q', 'effect', 'finding'],
];

/** A row for each figure of each arm, and of each arm that it is compared with. */
export function tableCsv({ groups }: StudyResult): string {
  return stringify([columns, ...groups.flatMap(rowsOf)]);
}

function rowsOf({ filter, to, summary }: GroupResult): (string | number)[][] {
  return summary.arms.flatMap(({ name, added, figures }) =>
    tableFigures(summary.target).flatMap((figure) => {
      const { mean, low, high } = figureIn(figures, figure);
      const own = [filter, to, name, digits(added), describeFigure(figure), ...[mean, low, high].map(digits)];
      const compared = summary.comparisons.filter((other) => other.arm === name && sameFigure(other, figure));
      if (compared.length === 0) return [[...own, ...Array<string>(8).fill('')]];
      return compared.map((comparison) => [...own, ...comparisonCells(comparison)]);
    }),
  );
}

function comparisonCells(comparison: ComparedFigure): (string | number)[] {
  const { against, mean, low, high, p, q, effect } = comparison;
  return [against, ...[mean, low, high, p, q, effect].map(digits), findingOf(comparison)];
}

const digits = (value: number): number => Number(value.toPrecision(6));
