import { useEngine } from '../../backend/engine.js';
import { messageOf, UserError } from '../../base/errors.js';
import { fitClassifier, fitDefaults, fitSteps } from '../../classify/fit.js';
import { labelOf, type FaceSet } from '../../data/faces.js';
import { stratifiedFolds, without } from '../../data/folds.js';
import { openEmbedder, type Embeddings } from '../../embed/embedder.js';
import { fitGaussian, logLikelihood } from '../../embed/gaussian.js';
import { embeddingDefaults } from '../../embed/options.js';
import { augmentDefaults, type AugmentOptions } from '../options.js';
import type { Plan } from '../plan.js';
import { chooseCandidates, ranksOf } from './choose.js';
import { discriminatorScores, findDiscriminator } from './discriminator.js';
import { selectDefaults, type Selector } from './options.js';
import { perSourceOf } from './per-source.js';

export interface Selection {
  /** Which candidates, the best first. */
  readonly chosen: readonly number[];
  /** Of each candidate, by name; the higher, the better. */
  readonly scores: ReadonlyMap<Selector, Float64Array>;
  /** The mean of the ranks of the scores, 0..1. */
  readonly quality: Float64Array;
}

/** Parts of the data; what was made of one is judged by a classifier that was trained on the other. */
const judgeFolds = 2;

/**
 * Finds out, before candidates are made, whether they can be selected.
 * @throws UserError where the sources do not suffice, or what scores them is not there
 */
export async function checkSelectable(plan: Plan, options: AugmentOptions): Promise<void> {
  const { select = [], onnx, run = null } = options;
  if (select.length === 0) return;
  perSourceOf(sourcesOf(plan), options);
  if (select.includes('discriminator')) await findDiscriminator({ onnx, run }, plan.faces.channels, plan.className);
  if (select.some((selector) => selector !== 'discriminator')) realFaces(plan);
}

/** What each candidate is made from: equal images are one source. */
const sourcesOf = ({ faces, chosen }: Plan): number[] => chosen.map(({ index }) => faces.groups[index]!);

/**
 * Scores generated faces and chooses the best, not too many of one source, not too like each other.
 * Several scores count the same, by rank.
 * - discriminator: the mean logit of the run's discriminator of the class made
 * - classifier: the probability of the class, of a classifier trained on real faces without the source
 * - density: the log-likelihood of the embedding in the normal distribution of the class's real faces
 * @param made one for each of the plan's sources
 * @throws UserError where a score cannot be had
 */
export async function selectFacesMade(
  plan: Plan,
  made: readonly Uint8Array[],
  options: AugmentOptions,
): Promise<Selection> {
  const { faces, className } = plan;
  const { select = [], n, onnx, run = null, signal, onScoring } = options;
  const { seed = augmentDefaults.seed, diversity = selectDefaults.diversity } = options;
  await useEngine('auto', 'float32', options.threads === undefined ? {} : { threads: options.threads });
  const { size, channels } = faces;
  const candidates = { size, channels, count: made.length, pixels: concatenated(made) };
  let embedded: { made: Embeddings; real: Embeddings | undefined } | undefined;
  if (diversity > 0 || select.includes('density'))
    embedded = await embedBoth(plan, candidates, select.includes('density'), options);

  const scores = new Map<Selector, Float64Array>();
  for (const selector of select) {
    if (selector === 'discriminator')
      scores.set(selector, await discriminatorScores({ onnx, run }, candidates, className));
    else if (selector === 'density') scores.set(selector, densities(embedded!.real!, embedded!.made, className));
    else
      scores.set(
        selector,
        await targetProbabilities(plan, candidates, {
          seed,
          ...(signal && { signal }),
          ...(onScoring && { onScoring }),
        }),
      );
    signal?.throwIfAborted();
  }
  const ranks = [...scores.values()].map(ranksOf);
  const quality = Float64Array.from(made, (_, i) => ranks.reduce((sum, of) => sum + of[i]!, 0) / ranks.length);
  const chosen = chooseCandidates(quality, sourcesOf(plan), diversity > 0 ? embedded!.made : undefined, {
    n,
    diversity,
    perSource: perSourceOf(sourcesOf(plan), options),
  });
  return { chosen, scores, quality };
}

type Candidates = Pick<FaceSet, 'pixels' | 'size' | 'channels' | 'count'>;

function concatenated(images: readonly Uint8Array[]): Uint8Array {
  const pixels = new Uint8Array(images.length * images[0]!.length);
  images.forEach((image, i) => pixels.set(image, i * image.length));
  return pixels;
}

/** The real faces of the class made. @throws UserError where the data has fewer than two */
function realFaces({ faces, className }: Plan): number[] {
  const label = labelOf(faces.classNames, className);
  const real = Array.from(faces.labels.keys()).filter((i) => faces.labels[i] === label);
  if (real.length >= 2) return real;
  throw new UserError(`The data has ${real.length} real ${className} faces, expected at least 2 to select by them.`);
}

async function embedBoth(
  plan: Plan,
  candidates: Candidates,
  withReal: boolean,
  { signal, onScoring }: AugmentOptions,
): Promise<{ made: Embeddings; real: Embeddings | undefined }> {
  const real = withReal ? realFaces(plan) : [];
  const of = candidates.count + real.length;
  const embedder = await openEmbedder(embeddingDefaults);
  const events = (before: number) => ({
    ...(signal && { signal }),
    onProgress: (done: number) => onScoring?.('Embedding', before + done, of),
  });
  try {
    const every = Array.from({ length: candidates.count }, (_, i) => i);
    const made = await embedder.embed(candidates, every, events(0));
    return { made, real: withReal ? await embedder.embed(plan.faces, real, events(made.count)) : undefined };
  } finally {
    await embedder.close();
  }
}

function densities(real: Embeddings, made: Embeddings, className: string): Float64Array {
  try {
    return logLikelihood(fitGaussian(real), made);
  } catch (error) {
    throw new UserError(`The density among real ${className} faces is not to be had: ${messageOf(error)}.`);
  }
}

/** Of each candidate the probability of the class made, by a classifier that did not see what it was made from. */
async function targetProbabilities(
  plan: Plan,
  candidates: Candidates,
  { seed, signal, onScoring }: Pick<AugmentOptions, 'signal' | 'onScoring'> & { seed: number },
): Promise<Float64Array> {
  const { faces, chosen, className } = plan;
  const label = labelOf(faces.classNames, className);
  const { classNames } = faces;
  const judged: FaceSet = { ...faces, ...candidates };
  const settings = { ...fitDefaults, seed, sampling: 'balanced' } as const;
  const everyFace = Int32Array.from(faces.labels.keys());
  const parts = stratifiedFolds(faces, { folds: judgeFolds, seed });
  const total = parts.reduce((sum, part) => sum + fitSteps(faces.count - part.length, settings), 0);
  const result = new Float64Array(candidates.count);
  let before = 0;
  for (const part of parts) {
    const train = without(everyFace, part);
    const fitted = await fitClassifier(faces, train, settings, {
      ...(signal && { signal }),
      onStep: (step) => onScoring?.('Training', before + step, total),
    });
    before += fitSteps(train.length, settings);
    try {
      const inPart = new Set(part);
      const own = Int32Array.from(chosen.keys()).filter((i) => inPart.has(chosen[i]!.index));
      const found = await fitted.probabilities(judged, own);
      own.forEach((i, n) => (result[i] = found[n * classNames.length + label]!));
    } finally {
      fitted.dispose();
    }
  }
  return result;
}
