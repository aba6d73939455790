import { join } from 'node:path';
import { useEngine } from '../backend/engine.js';
import { UserError } from '../base/errors.js';
import { countEveryClass, labelOf, loadFaces, type FaceSet } from '../data/faces.js';
import { isImageList } from '../data/image-list.js';
import { imagesOfJob } from '../evaluate/job-faces.js';
import { checkSources } from './check-sources.js';
import { checkPatterns, matches, type StudyConfig } from './config.js';
import { cellsOf, expandStudy, type ExpandedStudy } from './matrix.js';
import { readStudyFile, type Study } from './options.js';
import { filesOf } from './settings.js';
import { rootOf, type Store } from './store.js';
import type { Root } from './task.js';
import { storedName } from './tasks/context.js';

/** A study that is ready to be done. */
export interface StudyPlan extends ExpandedStudy {
  /** The user's files, which the store gets copies of. */
  readonly roots: ReadonlyMap<string, Root>;
  /** The data as they come. */
  readonly faces: FaceSet;
  /** Where results lie. */
  readonly out: string;
}

export interface StudyPlanEvents {
  /** Rows or files read so far. */
  readonly onReading?: (rows: number) => void;
  /** Which engine auto chose, and why. */
  readonly onEngine?: (note: string) => void;
}

/**
 * Reads a study file and the data and expands the matrix. Nothing is written.
 * @throws UserError for files, options, classes or folds that do not fit each other
 */
export async function planStudy(config: StudyConfig, events: StudyPlanEvents = {}): Promise<StudyPlan> {
  const file = await readStudyFile(config.config);
  const { data, ferplus, folds, repeats } = config;
  const study: Study = {
    ...file,
    ...{ data: data ?? file.data, ferplus: ferplus ?? file.ferplus },
    ...{ folds: folds ?? file.folds, repeats: repeats ?? file.repeats },
  };
  checkPatterns(config, cellsOf(study));
  const engine = await useEngine(study.engine, study.precision, { onChosen: (note) => events.onEngine?.(note) });
  const chosen = { ...study, engine };
  const roots = await rootsOf(chosen);
  const expanded = expandStudy(chosen, {
    source: roots.get(chosen.data) ?? 'synthetic',
    ferplus: chosen.ferplus === null ? null : roots.get(chosen.ferplus)!,
    storedFile: (path) => storedName(roots.get(path)!),
    wanted: (cell) =>
      (config.only === null || matches(cell, config.only)) && (config.skip === null || !matches(cell, config.skip)),
  });
  const { size, channels, usage, skipBad, seed } = chosen;
  const faces = await loadFaces({
    ...{ size, channels, usage, skipBad, seed, data: chosen.data, ferplus: chosen.ferplus },
    ...(events.onReading && { onProgress: events.onReading }),
  });
  check(chosen, faces);
  checkSources(expanded.graph, faces);
  return { ...expanded, roots, faces, out: config.out ?? join('study', chosen.name) };
}

async function rootsOf(study: Study): Promise<Map<string, Root>> {
  const { data, ferplus } = study;
  const paths = [...(data === 'synthetic' ? [] : [data]), ...(ferplus === null ? [] : [ferplus]), ...filesOf(study)];
  const roots = new Map<string, Root>();
  for (const path of paths) roots.set(path, await rootOf(path));
  if (roots.get(data)?.name.endsWith('.csv') && (await isImageList(data)))
    throw new UserError(
      `${data} is a list of images, which lie elsewhere: a study takes a csv of FER2013, or a folder of class folders.`,
    );
  return roots;
}

/** What would fail hours later. */
function check({ data, targets, folds, repeats, holdout, seed }: Study, faces: FaceSet): void {
  countEveryClass(faces, data);
  for (const { from, to } of targets) for (const name of [from, to]) labelOf(faces.classNames, name);
  for (let repeat = 0; repeat < repeats; repeat++) imagesOfJob(faces, { holdout, folds, seed, repeat, fold: 0 });
}

/** Copies the study's files into the store. */
export async function storeRoots({ roots }: StudyPlan, store: Store): Promise<void> {
  for (const [path, root] of roots) await store.addRoot(path, root);
}
