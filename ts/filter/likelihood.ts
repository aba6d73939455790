import { messageOf, UserError } from '../base/errors.js';
import { fitGaussian, logLikelihood } from '../embed/gaussian.js';
import type { Embeddings } from '../embed/embedder.js';
import type { FaceSet } from '../data/faces.js';

/**
 * log p of each image's embedding, in nats, under a normal distribution that is fitted to all images
 * or to those of its class: low for what looks like no other.
 * @throws UserError for a class of fewer than two images that differ
 */
export function embeddingLikelihood(
  faces: Pick<FaceSet, 'count' | 'labels' | 'classNames'>,
  embeddings: Embeddings,
  of: 'class' | 'all',
): Float64Array {
  if (embeddings.count !== faces.count)
    throw new Error(`there are ${embeddings.count} embeddings of ${faces.count} images`);
  const result = new Float64Array(faces.count);
  const groups = of === 'all' ? ['all faces'] : faces.classNames.map((name) => `the class ${name}`);
  groups.forEach((name, label) => {
    const members = Int32Array.from(faces.labels.keys()).filter((i) => of === 'all' || faces.labels[i] === label);
    if (members.length === 0) return;
    try {
      logLikelihood(fitGaussian(embeddings, members), embeddings, members).forEach((value, n) => {
        result[members[n]!] = value;
      });
    } catch (error) {
      throw new UserError(`No likelihood can be given for ${name}: ${messageOf(error)}.`);
    }
  });
  return result;
}
