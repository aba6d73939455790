import {
  figureNames,
  figureOf,
  fitMetrics,
  sameFigure,
  stepOf,
  verdictDefault,
  verdictFigure,
  type FigureName,
  type FitMetrics,
  type VerdictName,
} from './figures.js';
import type { JobResult } from './job.js';
import { benjaminiHochberg, compare, estimate, holm, type Comparison, type Estimate } from './statistics.js';
import type { Arm } from './treatment.js';

export type Figure = FigureName & Estimate;

/** An arm over all its fits. */
export interface ArmSummary extends Arm {
  readonly fits: number;
  /** Generated faces that a fit was given, on average. */
  readonly added: number;
  /** On the folds: every image is tested on once a repeat. */
  readonly figures: readonly Figure[];
  /** On the images held out from all folds, the same ones every time: `low` and `high` know nothing of other images. */
  readonly holdout: readonly Figure[] | null;
  /** Fits that give no image of their fold the class that verdicts are on: its precision and F1 count as 0 there. */
  readonly uncalled: number;
  /** Images of each class (row) that were given each class (column), mean of a repeat. */
  readonly confusion: readonly (readonly number[])[];
}

/** One arm against another, fold by fold. */
export interface ComparedFigure extends FigureName, Comparison {
  readonly arm: string;
  readonly against: string;
  /** Corrected for the number of all comparisons: the false discovery rate (Benjamini & Hochberg). */
  readonly q: number;
  /** Of the figures that verdicts are on: corrected for their number (Holm). */
  readonly pHolm: number | null;
}

/** What an evaluation found. */
export interface Summary {
  readonly classNames: readonly string[];
  /** The class that verdicts are on. */
  readonly target: string;
  /** The figures that verdicts are on. */
  readonly verdictOn: readonly FigureName[];
  readonly folds: number;
  readonly repeats: number;
  /** Images of each class that are held out from all folds. */
  readonly heldOut: readonly number[];
  readonly arms: readonly ArmSummary[];
  readonly comparisons: readonly ComparedFigure[];
}

/** Results of an arm's fits, in the order of repeats and folds: the same for every arm. */
export interface ArmResults extends Arm {
  readonly results: readonly JobResult[];
}

/**
 * Summarizes the fits of several arms on the same folds.
 * @param pairs names of arms to compare: arm, against
 * @param verdicts figures that verdicts are on, for whose number they are corrected
 */
export function summarize(
  arms: readonly ArmResults[],
  pairs: readonly (readonly [arm: string, against: string])[],
  target: string,
  verdicts: readonly VerdictName[] = verdictDefault,
): Summary {
  const verdictOn = verdicts.map((name) => verdictFigure(name, target));
  const measured = new Map(arms.map((arm) => [arm.name, arm.results.map(fitMetrics)] as const));
  const [{ results: first }] = arms as [ArmResults];
  const { classNames } = first[0]!;
  const names = figureNames(classNames);
  const { folds } = first[0]!.job.split;
  const repeats = Math.round(first.length / folds);
  const compared = pairs.flatMap(([arm, against]) => {
    const [ours, theirs] = [measured.get(arm)!, measured.get(against)!];
    return names.map((name) => ({ ...name, arm, against, ...compareFits(ours, theirs, name) }));
  });
  const q = benjaminiHochberg(compared.map(({ p }) => p));
  const judged = compared.flatMap((figure, i) => (verdictOn.some((name) => sameFigure(name, figure)) ? [i] : []));
  const corrected = holm(judged.map((i) => compared[i]!.p));
  return {
    ...{ classNames, target, verdictOn, folds, repeats },
    heldOut: classNames.map((_, label) => first[0]!.holdout.labels.filter((own) => own === label).length),
    arms: arms.map(({ name, treatment, results }) =>
      summarizeArm({ name, treatment }, results, measured.get(name)!, { target, repeats }),
    ),
    comparisons: compared.map((figure, i) => {
      const at = judged.indexOf(i);
      return { ...figure, q: q[i]!, pHolm: at < 0 ? null : corrected[at]! };
    }),
  };
}

function compareFits(ours: readonly FitMetrics[], theirs: readonly FitMetrics[], name: FigureName): Comparison {
  const differences = ours.map(
    ({ fold, classNames }, i) => figureOf(fold, classNames, name) - figureOf(theirs[i]!.fold, classNames, name),
  );
  return compare(differences, testOverTrain(ours), step(ours, 'fold', name));
}

const testOverTrain = (fits: readonly FitMetrics[]): number => mean(fits.map((fit) => fit.testOverTrain));
/** The largest of any fit. */
const step = (fits: readonly FitMetrics[], of: 'fold' | 'holdout', name: FigureName): number =>
  Math.max(...fits.map((fit) => stepOf(fit[of]!, fit.classNames, name)));
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

function summarizeArm(
  arm: Arm,
  results: readonly JobResult[],
  fits: readonly FitMetrics[],
  { target, repeats }: Pick<Summary, 'target' | 'repeats'>,
): ArmSummary {
  const { classNames } = fits[0]!;
  const figures = (of: 'fold' | 'holdout') =>
    figureNames(classNames).map((name) => ({
      ...name,
      ...estimate(
        fits.map((fit) => figureOf(fit[of]!, classNames, name)),
        testOverTrain(fits),
        step(fits, of, name),
      ),
    }));
  return {
    ...arm,
    fits: fits.length,
    added: mean(results.map(({ added }) => added)),
    figures: figures('fold'),
    holdout: fits[0]!.holdout ? figures('holdout') : null,
    uncalled: fits.filter(({ fold }) => fold.confusion.every((row) => row[classNames.indexOf(target)] === 0)).length,
    confusion: classNames.map((_, row) =>
      classNames.map((_, column) => fits.reduce((sum, { fold }) => sum + fold.confusion[row]![column]!, 0) / repeats),
    ),
  };
}

/** One of an arm's figures. */
export function figureIn(figures: readonly Figure[], name: FigureName): Figure {
  return figures.find((figure) => sameFigure(figure, name))!;
}
