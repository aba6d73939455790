import jstat from 'jstat';

const { studentt } = jstat.jStat;

/** Student's t distribution, to about seven digits. */
export const studentT = {
  quantile: (p: number, degrees: number): number => studentt.inv(p, degrees),
  /** P(T > t) for t >= 0. By symmetry: 1 - cdf(t) would lose small ones. */
  upperTail: (t: number, degrees: number): number => (t === Infinity ? 0 : studentt.cdf(-t, degrees)),
};
