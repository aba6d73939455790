import { describeFigure, sameFigure } from './figures.js';
import type { ComparedFigure, Summary } from './summary.js';

/** The chance of a false finding that verdicts allow. */
export const level = 0.05;
/** Differences whose whole interval is nearer to 0 than this are called none. */
export const negligible = 0.01;

export type Finding = 'higher' | 'lower' | 'unchanged' | 'undecided';

/** What a comparison shows: by its corrected p value, else by how wide its interval is. */
export function findingOf({ mean, low, high, p, pHolm, q }: ComparedFigure): Finding {
  const corrected = pHolm ?? q;
  if (p < level && corrected < level) return mean > 0 ? 'higher' : 'lower';
  return Math.max(-low, high) < negligible ? 'unchanged' : 'undecided';
}

/** "+0.041 [+0.010, +0.072]" */
export const describeDifference = ({ mean, low, high }: Pick<ComparedFigure, 'mean' | 'low' | 'high'>): string =>
  `${signed(mean)} [${signed(low)}, ${signed(high)}]`;

/** With a real minus, as many digits for every value. */
export function signed(value: number): string {
  const text = Math.abs(value).toFixed(3);
  if (Number(text) === 0) return text;
  return `${value < 0 ? '−' : '+'}${text}`;
}

/** "0.012", "< 0.001" */
export const shortP = (p: number): string => (p < 0.001 ? '< 0.001' : p.toFixed(p < 0.1 ? 3 : 2));

/** "p = 0.012", "p < 0.001" */
const describeP = (p: number): string => `p ${p < 0.001 ? '' : '= '}${shortP(p)}`;

/**
 * One sentence for each two arms that were compared, e.g. "generated against baseline: Disgust
 * precision +0.041 [+0.010, +0.072], p = 0.012 (corrected 0.036): higher; mean AUC ..."; and what a precision
 * of nothing is taken for, where that happened.
 */
export function verdicts(summary: Summary): string[] {
  const { comparisons, verdictOn } = summary;
  const corrected = comparisons.filter(({ pHolm }) => pHolm !== null);
  const pairs = new Map(corrected.map((figure) => [`${figure.arm} against ${figure.against}`, figure]));
  const sentences = [...pairs].map(([pair, { arm, against }]) => {
    const parts = verdictOn.map((name) => {
      const figure = corrected.find(
        (other) => other.arm === arm && other.against === against && sameFigure(other, name),
      )!;
      const many = corrected.length > 1 ? ` (corrected ${shortP(figure.pHolm!)})` : '';
      return `${describeFigure(name)} ${describeDifference(figure)}, ${describeP(figure.p)}${many}: ${findingOf(figure)}`;
    });
    return `${pair}: ${parts.join('; ')}.`;
  });
  return [...sentences, ...uncalledNote(summary)];
}

/**
 * A mean precision over folds counts 0 where a fit gives no image the class, so that whoever calls the class more
 * often seems more precise: then the precision of all calls together is what to look at as well.
 */
function uncalledNote({ arms, classNames, target }: Summary): string[] {
  const without = arms.filter(({ uncalled }) => uncalled > 0);
  if (without.length === 0) return [];
  const label = classNames.indexOf(target);
  const where = without.map(({ name, uncalled, fits }) => `${name} ${uncalled} of ${fits}`).join(', ');
  const pooled = arms.map(({ name, confusion }) => {
    const calls = confusion.reduce((sum, row) => sum + row[label]!, 0);
    return `${name} ${calls === 0 ? 'none' : (confusion[label]![label]! / calls).toFixed(3)}`;
  });
  return [
    `Some fits give no image of their fold ${target} (${where}): ` +
      `its precision and F1 count as 0 there, so that differences in them may be of how often ${target} is called. ` +
      `Precision of all calls together: ${pooled.join(', ')}.`,
  ];
}

/** How many faces arms with generated ones were given: fewer than there are, where sources were not among a fold's. */
export function addedNote({ arms }: Summary): string[] {
  const given = arms.filter(({ added }) => added > 0).map(({ name, added }) => `${name} ${Number(added.toFixed(1))}`);
  return given.length === 0 ? [] : [`Generated faces that a fit was given, on average: ${given.join(', ')}.`];
}

/** What the words of verdicts mean. */
export const howToRead =
  `Intervals are of 95 %. Higher and lower: p below ${level}, also after Holm's correction for all verdicts together; ` +
  `unchanged: the whole interval lies within ±${negligible}; undecided: neither.`;
