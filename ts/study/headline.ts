import { describeFigure, sameFigure, type FigureName } from '../evaluate/figures.js';
import { baselineName } from '../evaluate/treatment.js';
import type { Summary } from '../evaluate/summary.js';
import { describeDifference, findingOf, shortP, type Finding } from '../evaluate/verdict.js';
import { cellsIn, cellsOf, type ExpandedStudy } from './matrix.js';
import type { GroupResult } from './results.js';

/**
 * What a group shows, in one sentence: of all arms how many make the first figure that verdicts are on better than
 * the baseline's after correction, and the best of them, or the nearest to it, with the other figures.
 */
export function headlineOf({ summary, filter }: GroupResult): string {
  const [leading, ...others] = summary.verdictOn as [FigureName, ...FigureName[]];
  const compared = summary.comparisons.filter(
    (figure) => figure.against === baselineName && sameFigure(figure, leading),
  );
  const name = describeFigure(leading);
  if (compared.length === 0) return `${filter}: the baseline alone was fitted; nothing is compared.`;
  const found = compared.map((figure) => ({ figure, finding: findingOf(figure) }));
  const count = (finding: Finding) => found.filter((one) => one.finding === finding).length;
  const higher = found.filter(({ finding }) => finding === 'higher');
  const { figure, finding } = [...(higher.length > 0 ? higher : found)].reduce((a, b) =>
    b.figure.mean > a.figure.mean ? b : a,
  );
  const shown =
    `${figure.arm}: ${name} ${describeDifference(figure)}, p ${equals(figure.p)}, corrected ` +
    [
      `${shortP(figure.pHolm ?? figure.q)}: ${finding}`,
      ...others.map((other) => shortly(other, summary, figure.arm)),
    ].join('; ');
  const many =
    compared.length === 1
      ? ''
      : `Of ${compared.length} treatments ${higher.length} ${higher.length === 1 ? 'has' : 'have'} a higher ${name} than ` +
        `the baseline, ${count('lower')} a lower one, ${count('unchanged')} the same, ${count('undecided')} cannot be told ` +
        'from it. The highest: ';
  return `${filter}, ${summary.target}: ${many}${shown}.`;
}

/** Of a study that flags cut: how much of it was done. */
export function partNote(expanded: ExpandedStudy): string | undefined {
  const [cells, of] = [cellsIn(expanded).length, cellsOf(expanded.study).length];
  return cells === of ? undefined : `${cells} of the study's ${of} cells (--only, --skip).`;
}

const equals = (p: number): string => (p < 0.001 ? shortP(p) : `= ${shortP(p)}`);

function shortly(name: FigureName, { comparisons }: Summary, arm: string): string {
  const figure = comparisons.find(
    (other) => other.arm === arm && other.against === baselineName && sameFigure(other, name),
  )!;
  const finding = findingOf(figure);
  return `${describeFigure(name)} ${finding === 'unchanged' ? finding : `${describeDifference(figure)}: ${finding}`}`;
}
