import { candidatesOf, type SelectSettings } from '../augment/select/options.js';
import { perSourceOf } from '../augment/select/per-source.js';
import { chooseSources, type SourceFace } from '../augment/sources.js';
import { UserError } from '../base/errors.js';
import { counted } from '../base/text.js';
import { facesOfClass, type FaceSet } from '../data/faces.js';
import type { TaskGraph } from './graph.js';
import { imagesOfSubset } from './subset.js';
import type { TaskOf } from './task.js';

/** Faces that are to be made. */
interface Making {
  readonly label: string;
  readonly task: TaskOf<'generate'>;
  readonly select: SelectSettings;
  /** How many are made, of which some may be selected. */
  readonly candidates: number;
  /** The faces that may be translated; null where a filter chooses them first. */
  readonly subset: TaskOf<'subset'> | null;
}

/**
 * Makes sure that the faces which a study translates give as many as it wants. What a filter leaves is not
 * known yet: there, all faces of the class count.
 * @param faces as they come
 * @throws UserError naming the faces that cannot be made, or not be selected
 */
export function checkSources(graph: TaskGraph, faces: FaceSet): void {
  // A choice of fewer is the first of a choice of more: one serves all that translate the same faces.
  const choices = new Map<string, readonly SourceFace[]>();
  for (const making of makingsOf(graph).sort((a, b) => b.candidates - a.candidates))
    try {
      const key = JSON.stringify([making.task.data, making.task.source]);
      const chosen = choices.get(key) ?? choose(making, faces);
      choices.set(key, chosen);
      checkSelection(making, chosen, faces);
    } catch (error) {
      throw error instanceof UserError ? new UserError(`${making.label}: ${error.message}`) : error;
    }
}

function makingsOf(graph: TaskGraph): Making[] {
  const tasks = new Map(graph.nodes.map(({ id, task }) => [id, task]));
  return graph.ofKind('generate').flatMap(({ label, task }) => {
    // Drawn faces are as many as are wanted.
    if (task.kind !== 'generate' || task.data === null) return [];
    const select = (task.select ?? {}) as SelectSettings;
    const subset = tasks.get(task.data) as TaskOf<'subset'>;
    const { filter } = tasks.get(subset.data) as TaskOf<'data'>;
    const candidates = candidatesOf({ n: task.n, ...select });
    return [{ label, task, select, candidates, subset: filter === null ? subset : null }];
  });
}

function choose({ task: { source, seed }, candidates, subset }: Making, faces: FaceSet): SourceFace[] {
  const all = facesOfClass(faces, source);
  const seen = subset && imagesOfSubset(faces, subset);
  const images = seen ? all.filter((i) => seen.has(i)) : all;
  const which = !subset ? 'there are before the filter' : subset.fold ? 'a fold trains on' : 'are not held out';
  const what = `the ${counted(images.length, `${source} face`)} that ${which}`;
  return chooseSources(faces, images, { n: candidates, seed, what });
}

function checkSelection({ task, select, candidates, subset }: Making, chosen: readonly SourceFace[], faces: FaceSet) {
  if (select.select === undefined) return;
  // How many of one source are needed depends on how many sources a filter leaves.
  if (subset === null && select.perSource === undefined) return;
  const sources = chosen.slice(0, candidates).map(({ index }) => faces.groups[index]!);
  perSourceOf(sources, { n: task.n, perSource: select.perSource });
}
