import { ferPlusColumnOf, ferPlusColumns } from './classes.js';

/** How many voted for each of `ferClasses`; votes for contempt, unknown and "not a face" are left out. */
export function classVotes(votes: Float32Array, i: number): number[] {
  const start = i * ferPlusColumns.length;
  return ferPlusColumnOf.map((column) => votes[start + column]!);
}

/** The class that more FER+ voters chose than any other; undefined where two share the lead. */
export function crowdLabel(votes: Float32Array, i: number): number | undefined {
  const counts = classVotes(votes, i);
  const most = Math.max(...counts);
  return counts.filter((count) => count === most).length === 1 ? counts.indexOf(most) : undefined;
}
