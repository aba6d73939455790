import { describeFigure, meanOf, sameFigure } from '../evaluate/figures.js';
import { baselineName } from '../evaluate/treatment.js';
import { headline as figuresOf, type Summary } from '../evaluate/summary.js';
import { describeDifference, findingOf, shortP, type Finding } from '../evaluate/verdict.js';
import type { GroupResult } from './results.js';

/**
 * What a group shows, in one sentence: of all arms how many make the rare class's precision better than the
 * baseline's after correction, and the best of them, or the nearest to it.
 */
export function headlineOf({ summary, filter }: GroupResult): string {
  const [precision] = figuresOf(summary.target) as [ReturnType<typeof figuresOf>[number]];
  const compared = summary.comparisons.filter(
    (figure) => figure.against === baselineName && sameFigure(figure, precision),
  );
  const name = describeFigure(precision);
  if (compared.length === 0) return `${filter}: the baseline alone was fitted; nothing is compared.`;
  const found = compared.map((figure) => ({ figure, finding: findingOf(figure) }));
  const count = (finding: Finding) => found.filter((one) => one.finding === finding).length;
  const higher = found.filter(({ finding }) => finding === 'higher');
  const { figure, finding } = [...(higher.length > 0 ? higher : found)].reduce((a, b) =>
    b.figure.mean > a.figure.mean ? b : a,
  );
  const shown =
    `${figure.arm}: ${name} ${describeDifference(figure)}, p ${equals(figure.p)}, corrected ` +
    `${shortP(figure.pHolm ?? figure.q)}: ${finding}; ${auc(summary, figure.arm)}`;
  const many =
    compared.length === 1
      ? ''
      : `Of ${compared.length} treatments ${higher.length} ${higher.length === 1 ? 'has' : 'have'} a higher ${name} than ` +
        `the baseline, ${count('lower')} a lower one, ${count('unchanged')} the same, ${count('undecided')} cannot be told ` +
        'from it. The highest: ';
  return `${filter}, ${summary.target}: ${many}${shown}.`;
}

const equals = (p: number): string => (p < 0.001 ? shortP(p) : `= ${shortP(p)}`);

function auc({ comparisons }: Summary, arm: string): string {
  const figure = comparisons.find(
    (other) => other.arm === arm && other.against === baselineName && other.measure === 'auc' && other.of === meanOf,
  )!;
  const finding = findingOf(figure);
  return `mean AUC ${finding === 'unchanged' ? 'unchanged' : `${describeDifference(figure)}: ${finding}`}`;
}
