import { fitClassifier, fitSteps, type FitSettings } from '../classify/fit.js';
import type { FaceSet } from '../data/faces.js';
import { stratifiedFolds, without } from '../data/folds.js';
import type { FilterEvents } from './events.js';

/**
 * What a classifier says of each face that was trained without it and all that are equal to it: one
 * classifier for each part of the data, on the labels alone.
 * @returns [count, classes]
 * @throws UserError for a class of fewer different images than folds; the signal's reason
 */
export async function outOfFoldProbabilities(
  faces: FaceSet,
  settings: FitSettings & { folds: number },
  { signal, onProgress }: FilterEvents,
): Promise<Float32Array> {
  const classes = faces.classNames.length;
  const parts = stratifiedFolds(faces, settings);
  const everyFace = Int32Array.from({ length: faces.count }, (_, i) => i);
  const total = parts.reduce((sum, part) => sum + fitSteps(faces.count - part.length, settings), 0);
  const result = new Float32Array(faces.count * classes);
  let before = 0;
  for (const part of parts) {
    const train = without(everyFace, part);
    const fitted = await fitClassifier(faces, train, settings, {
      ...(signal && { signal }),
      onStep: (step) => onProgress?.('Training', before + step, total),
    });
    try {
      const found = await fitted.probabilities(faces, part);
      part.forEach((i, n) => result.set(found.subarray(n * classes, (n + 1) * classes), i * classes));
    } finally {
      fitted.dispose();
    }
    before += fitSteps(train.length, settings);
  }
  return result;
}
