import { ferPlusColumns } from '../data/classes.js';
import { classVotes } from '../data/votes.js';

/**
 * The part of FER+'s voters who chose each image's own label, of all who voted (also for contempt,
 * unknown and "not a face"); NaN where nobody voted.
 * @param votes [count, 10]
 * @param labels of `ferClasses`
 */
export function crowdAgreement(votes: Float32Array, labels: ArrayLike<number>): Float64Array {
  const width = ferPlusColumns.length;
  return Float64Array.from(labels, (label, i) => {
    const all = votes.subarray(i * width, (i + 1) * width).reduce((a, b) => a + b, 0);
    return classVotes(votes, i)[label]! / (all > 0 ? all : NaN);
  });
}
