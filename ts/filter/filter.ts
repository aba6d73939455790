import { join } from 'node:path';
import { useEngine } from '../backend/engine.js';
import { writeAtomic } from '../base/files.js';
import { checkFree, OutputFolder } from '../base/output-folder.js';
import { timeStamp } from '../base/time.js';
import { loadFaces, type FaceSet } from '../data/faces.js';
import { contactSheetName } from '../data/folders.js';
import { openEmbedder, type Embeddings } from '../embed/embedder.js';
import type { LabelNoise } from './confident-learning.js';
import { combine, evidenceWanted, judge, readRules, type CriterionName } from './criteria.js';
import type { FilterEvents } from './events.js';
import type { FilterConfig } from './options.js';
import { outOfFoldProbabilities } from './out-of-fold.js';
import { filesOfOutput, scoresName, summaryName } from './output-files.js';
import { readProbabilities } from './probabilities-file.js';
import { filterSheet } from './sheet.js';
import { countClasses, quantilesOf, scoresCsv, type ClassCounts, type Quantiles } from './summary.js';
import { checkForm, writeKept, type WrittenData } from './write-data.js';

export interface FilterResult {
  readonly out: string;
  readonly classes: readonly ClassCounts[];
  readonly scores: Partial<Record<CriterionName, Quantiles>>;
  readonly noise: LabelNoise | undefined;
  /** What was written to be read again; undefined for a preview. */
  readonly written: WrittenData | undefined;
}

/**
 * Drops faces that are mislabelled, ambiguous or unlike the others, by one filter or several. The
 * folder holds the faces that are left (as the data came: a csv, or a list of files), scores.csv (a
 * row for each face), contact-sheet.png and summary.json; it appears when all is written, or not at all.
 * @throws UserError for options, data or files that cannot be used, and where a class would be left without faces
 */
export async function filterFaces(config: FilterConfig, events: FilterEvents = {}): Promise<FilterResult> {
  const out = config.out ?? join('filtered', timeStamp(new Date()));
  const { force, data, ferplus, probabilities: scored } = config;
  const target = { force, marker: summaryName, written: filesOfOutput, inputs: [data, ferplus, scored] };
  await checkFree(out, target);
  const faces = await loadFaces({ ...config, ...(events.onReading && { onProgress: events.onReading }) });
  if (!config.preview) checkForm(faces);
  const rules = readRules(config, faces);
  const wanted = evidenceWanted(config);
  const given =
    wanted.probabilities && config.probabilities !== null
      ? await readProbabilities(config.probabilities, faces)
      : undefined;
  // Before the work, which may take long: that it cannot be made must show now.
  const folder = await OutputFolder.open(out, target);
  try {
    events.onStart?.({ faces: faces.count, skipped: faces.skipped });
    if (wanted.embeddings || (wanted.probabilities && !given))
      await useEngine(config.engine, 'float32', { onChosen: (note) => events.onEngine?.(note) });
    const embedding = wanted.embeddings ? await embedAll(config, faces, events) : undefined;
    const probabilities = wanted.probabilities && !given ? await outOfFoldProbabilities(faces, config, events) : given;
    events.signal?.throwIfAborted();

    const evidence = { ...(probabilities && { probabilities }), ...(embedding && { embeddings: embedding.vectors }) };
    const { criteria, noise } = judge(faces, rules, config, evidence);
    const kept = combine(faces, criteria, config.combine);
    const classes = countClasses(faces, kept, criteria);
    const scores = Object.fromEntries(
      criteria.flatMap((c) => (c.scores ? [[c.name, quantilesOf(c.scores)] as const] : [])),
    );
    const inside = (name: string) => join(folder.temporary, name);
    const written = config.preview ? undefined : await writeKept(config, faces, kept, folder.temporary, out);
    await writeAtomic(inside(scoresName), scoresCsv(faces, kept, criteria, probabilities));
    await writeAtomic(inside(contactSheetName), await filterSheet(faces, kept, criteria));
    const summary = { config, classes, scores, embedding: embedding?.name, labelNoise: noise && noiseSummary(noise) };
    await writeAtomic(inside(summaryName), `${JSON.stringify(summary, null, 2)}\n`);
    events.signal?.throwIfAborted();
    await folder.publish();
    return { out, classes, scores, noise, written };
  } finally {
    await folder.discard();
  }
}

const noiseSummary = ({ thresholds, joint }: LabelNoise) => ({ thresholds: [...thresholds], joint });

async function embedAll(
  config: FilterConfig,
  faces: FaceSet,
  { signal, onProgress }: FilterEvents,
): Promise<{ name: string; vectors: Embeddings }> {
  const embedder = await openEmbedder(config);
  try {
    const vectors = await embedder.embed(faces, Array.from(faces.labels.keys()), {
      ...(signal && { signal }),
      onProgress: (done) => onProgress?.('Embedding', done, faces.count),
    });
    return { name: embedder.name, vectors };
  } finally {
    await embedder.close();
  }
}
