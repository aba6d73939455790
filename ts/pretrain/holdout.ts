import type { FaceSet } from '../data/faces.js';
import { splitGroups, type Split } from '../data/split.js';

/** Held out where neither the user nor the data says what. */
const defaultFraction = 0.1;

export interface Holdout extends Split {
  /** e.g. "PublicTest without the images that also stand in Training" */
  readonly description: string;
}

/**
 * What to train on and what to measure on, no image on both sides. Without a fraction: FER2013's
 * Training rows, and those of PublicTest whose image is not among them, where the data has both.
 * @param fraction of every class to hold out, or null
 */
export function chooseHoldout(faces: FaceSet, fraction: number | null, seed: number): Holdout {
  const { usage, groups } = faces;
  if (fraction === null && usage?.includes('public') && usage.includes('training')) {
    const all = Int32Array.from({ length: faces.count }, (_, i) => i);
    const train = all.filter((i) => usage[i] === 'training');
    const seen = new Set(train.map((i) => groups[i]!));
    return {
      train,
      holdout: all.filter((i) => usage[i] === 'public' && !seen.has(groups[i]!)),
      description: 'PublicTest without the images that also stand in Training',
    };
  }
  const part = fraction ?? defaultFraction;
  return {
    ...splitGroups(faces, { holdout: { fraction: part }, seed }),
    description: `${Number((100 * part).toPrecision(3))} % of every class, seed ${seed}, equal images on one side`,
  };
}
