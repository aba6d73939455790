import { readFile } from 'node:fs/promises';
import { useEngine } from '../backend/engine.js';
import { messageOf, UserError } from '../base/errors.js';
import { writeAtomic } from '../base/files.js';
import { checkFreeFile, checkWritable } from '../base/output-file.js';
import { labelOf, loadFaces, selectFaces, type FaceSet } from '../data/faces.js';
import { splitGroups } from '../data/split.js';
import { openEmbedder, type Embedder, type Embeddings } from '../embed/embedder.js';
import { selectVectors } from '../embed/neighbours.js';
import { findNearCopies, pixelVectors, type CopyFigures } from './copies.js';
import type { QualityEvents } from './events.js';
import { judgeExpression, type ExpressionFigures } from './expression.js';
import { identityKept, type IdentityFigures } from './identity.js';
import { loadMade, renderedSources, type MadeFaces } from './made-faces.js';
import type { QualityConfig } from './options.js';
import { setFigures, type OfSets, type SetFigures } from './sets.js';

/** The generated faces of one class. */
export interface ClassQuality {
  readonly className: string;
  readonly made: number;
  /** Real faces of the class. */
  readonly real: number;
  /** Vectors of each set that is compared with `reference` real faces. */
  readonly vectors: number;
  readonly reference: number;
  /** Beside one half of the real faces: the generated, the other half (the best that can be), the sources untouched. */
  readonly sets: OfSets<SetFigures>;
  readonly identity: IdentityFigures | undefined;
  readonly copies: { readonly pixels: CopyFigures; readonly embedding: CopyFigures };
  readonly expression: ExpressionFigures | undefined;
}

export interface QualityResult {
  /** Figures on different embeddings cannot be compared. */
  readonly embedding: string;
  readonly classes: readonly ClassQuality[];
}

/**
 * Measures generated faces beside real ones: how near both sets are, whether the expression is reached
 * and who it is kept, and whether they are copies.
 * @throws UserError for options or data that cannot be used, and for too few faces
 */
export async function measureQuality(config: QualityConfig, events: QualityEvents = {}): Promise<QualityResult> {
  const { out, force, real: data, size, channels, usage, skipBad } = config;
  if (out !== null) await checkFreeFile(out, { force, isEarlier: holdsFigures });
  const real = await loadFaces({
    ...{ data, size, channels, usage, skipBad },
    ...(events.onReading && { onProgress: events.onReading }),
  });
  const { made, notes } = await loadMade(config, real);
  events.onStart?.([...real.skipped, ...notes]);
  if (out !== null) await checkWritable(out);
  await useEngine(config.engine, 'float32', { onChosen: (note) => events.onEngine?.(note) });
  const embedder = await openEmbedder(config);
  try {
    const classes: ClassQuality[] = [];
    const labels = chosenLabels(config, real, made);
    for (const label of labels) checkCounts(config, real, facesOfLabel(made, label), label);
    const embedded = await embedFaces(embedder, real, real.count, events);
    for (const label of labels)
      classes.push(
        await measureClass(config, embedder, { ...real, vectors: embedded }, facesOfLabel(made, label), label, events),
      );
    const result = { embedding: embedder.name, classes };
    events.onMeasured?.(result);
    if (out !== null) await writeAtomic(out, `${JSON.stringify({ config, ...result }, null, 2)}\n`);
    return result;
  } finally {
    await embedder.close();
  }
}

/** Whether a file is one that was written here. */
async function holdsFigures(file: string): Promise<boolean> {
  try {
    const content = JSON.parse(await readFile(file, 'utf8')) as object;
    // A filter's summary has these, too, and scores.
    return ['embedding', 'classes'].every((name) => Object.hasOwn(content, name)) && !Object.hasOwn(content, 'scores');
  } catch {
    return false;
  }
}

function chosenLabels(config: QualityConfig, { classNames }: FaceSet, { faces }: MadeFaces): number[] {
  const labels = [...new Set(faces.labels)].sort((a, b) => a - b);
  if (config.class === null) return labels;
  const wanted = labelOf(classNames, config.class);
  if (labels.includes(wanted)) return [wanted];
  throw new UserError(
    `${config.generated} has no ${classNames[wanted]!} faces. It has ${labels.map((label) => classNames[label]!).join(', ')}.`,
  );
}

function facesOfLabel({ faces, sources }: MadeFaces, label: number): MadeFaces {
  const own = Array.from(faces.labels.keys()).filter((i) => faces.labels[i] === label);
  return { faces: selectFaces(faces, own), ...(sources && { sources: own.map((i) => sources[i]!) }) };
}

/** @throws UserError where a class has too few faces to be compared */
function checkCounts(config: QualityConfig, real: FaceSet, made: MadeFaces, label: number): void {
  const count = real.labels.filter((one) => one === label).length;
  const smallest = Math.max(4, config.neighbours + 1);
  if (count >= 2 * smallest && made.faces.count >= smallest) return;
  throw new UserError(
    `There are ${count} real and ${made.faces.count} generated ${real.classNames[label]!} faces, expected at least ` +
      `${2 * smallest} and ${smallest} (--neighbours ${config.neighbours}).`,
  );
}

async function embedFaces(
  embedder: Embedder,
  faces: Pick<FaceSet, 'pixels' | 'size' | 'channels'>,
  count: number,
  { signal, onProgress }: QualityEvents,
): Promise<Embeddings> {
  return embedder.embed(
    faces,
    Array.from({ length: count }, (_, i) => i),
    {
      ...(signal && { signal }),
      onProgress: (done) => onProgress?.('Embedding', done, count),
    },
  );
}

async function measureClass(
  config: QualityConfig,
  embedder: Embedder,
  real: FaceSet & { readonly vectors: Embeddings },
  made: MadeFaces,
  label: number,
  events: QualityEvents,
): Promise<ClassQuality> {
  const { signal } = events;
  const className = real.classNames[label]!;
  const ofClass = Array.from(real.labels.keys()).filter((i) => real.labels[i] === label);
  const sources = made.sources && renderedSources(real, made.sources);
  const vectors = {
    real: real.vectors,
    made: await embedFaces(embedder, made.faces, made.faces.count, events),
    sources: sources && (await embedFaces(embedder, sources, sources.count, events)),
  };
  const half = splitGroups(real, { holdout: { fraction: 0.5 }, seed: config.seed, indices: ofClass });
  const reference = selectVectors(vectors.real, half.train);
  const sets = {
    made: vectors.made,
    real: selectVectors(vectors.real, half.holdout),
    ...(vectors.sources && { sources: vectors.sources }),
  };
  const seeds = { k: config.neighbours, seed: config.seed, ...(signal && { signal }) };
  const compared = await setFigures(reference, sets, seeds).catch((error: unknown) => {
    if (error instanceof UserError || signal?.aborted) throw error;
    throw new UserError(`The ${className} faces cannot be compared: ${messageOf(error)}.`);
  });

  const indices = made.sources?.map(({ index }) => index);
  const copies = async (these: typeof vectors.made, those: typeof vectors.real, offset: number) =>
    findNearCopies(these, those, real.groups, indices, {
      ...(signal && { signal }),
      onProgress: (done, of) => events.onProgress?.('Comparing', offset * of + done, 2 * of),
    });
  return {
    ...{ className, made: made.faces.count, real: ofClass.length },
    ...{ vectors: compared.vectors, reference: reference.count, sets: compared.figures },
    identity: vectors.sources && identityKept(vectors.made, vectors.sources, vectors.real),
    copies: {
      pixels: await copies(pixelVectors(made.faces), pixelVectors(real), 0),
      embedding: await copies(vectors.made, vectors.real, 1),
    },
    expression: config.classifiers ? await judgeExpression(real, made, label, config, events) : undefined,
  };
}
