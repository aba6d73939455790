import { meanOf } from './figures.js';
import { figureIn, summarize, type ArmResults } from './summary.js';

/** The arm with the highest mean F1; of equal ones the first. */
export function bestOf(arms: readonly ArmResults[]): ArmResults {
  const { arms: summaries } = summarize(arms, [], '');
  const f1 = (i: number) => figureIn(summaries[i]!.figures, { measure: 'f1', of: meanOf }).mean;
  return arms[[...arms.keys()].reduce((best, i) => (f1(i) > f1(best) ? i : best))]!;
}
