import type { JobResult, TestPredictions } from './job.js';
import { measures, metricsOf, type Measure, type Metrics } from './metrics.js';

/** One of the figures of a fit. */
export interface FigureName {
  readonly measure: Measure | 'accuracy';
  /** A class, or the mean over the classes; null for the accuracy. */
  readonly of: string | null;
}

export const meanOf = 'mean';

/** Figures that verdicts can be on, as options name them: of the rare class, or the mean over the classes. */
export const verdictNames = [
  ...measures,
  ...measures.map((measure) => `${meanOf}-${measure}` as const),
  'accuracy',
] as const;
export type VerdictName = (typeof verdictNames)[number];

/** Those of the write-up: the precision of the rare class, and the mean AUC. */
export const verdictDefault = ['precision', 'mean-auc'] as const satisfies readonly VerdictName[];

/** @param target the rare class */
export function verdictFigure(name: VerdictName, target: string): FigureName {
  if (name === 'accuracy') return { measure: name, of: null };
  const measure = measures.find((one) => name.endsWith(one))!;
  return { measure, of: name === measure ? target : meanOf };
}

/** Every figure: each measure of each class and of their mean, and the accuracy. */
export function figureNames(classNames: readonly string[]): FigureName[] {
  return [
    ...measures.flatMap((measure) => [...classNames, meanOf].map((of) => ({ measure, of }))),
    { measure: 'accuracy', of: null },
  ];
}

/** "Disgust precision", "mean AUC", "accuracy" */
export function describeFigure({ measure, of }: FigureName): string {
  const name = { precision: 'precision', recall: 'recall', f1: 'F1', auc: 'AUC', accuracy: 'accuracy' }[measure];
  return of === null ? name : `${of} ${name}`;
}

export const sameFigure = (a: FigureName, b: FigureName): boolean => a.measure === b.measure && a.of === b.of;

/** A fit's metrics: on its fold, and on what is held out from all folds. */
export interface FitMetrics {
  readonly classNames: readonly string[];
  readonly fold: Metrics;
  readonly holdout: Metrics | null;
  /** Images tested on / images trained on, of the fold. */
  readonly testOverTrain: number;
}

export function fitMetrics({ classNames, fold, holdout, trained }: JobResult): FitMetrics {
  const metrics = (predictions: TestPredictions) => metricsOf(predictions, classNames.length);
  return {
    classNames,
    fold: metrics(fold),
    holdout: holdout.labels.length > 0 ? metrics(holdout) : null,
    testOverTrain: fold.labels.length / trained.reduce((a, b) => a + b, 0),
  };
}

/**
 * About what one image more or less, or one pair of them for the AUC, changes a figure by: of precision and F1 as if
 * as many were called so as there are.
 */
export function stepOf({ confusion }: Metrics, classNames: readonly string[], { measure, of }: FigureName): number {
  const sizes = confusion.map((row) => row.reduce((a, b) => a + b, 0));
  const all = sizes.reduce((a, b) => a + b, 0);
  if (measure === 'accuracy') return 1 / all;
  const steps = sizes.map((size) => 1 / (measure === 'auc' ? size * (all - size) : size));
  return of === meanOf ? Math.min(...steps) / steps.length : steps[classNames.indexOf(of!)]!;
}

export function figureOf(metrics: Metrics, classNames: readonly string[], { measure, of }: FigureName): number {
  if (measure === 'accuracy') return metrics.accuracy;
  return (of === meanOf ? metrics.mean : metrics.classes[classNames.indexOf(of!)]!)[measure];
}
