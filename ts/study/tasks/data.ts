import { join } from 'node:path';
import { countLabels, digestOfFaces, loadFaces, type FaceSet } from '../../data/faces.js';
import { filterFaces } from '../../filter/filter.js';
import type { FilterConfig } from '../../filter/options.js';
import { checkForm, writeKept } from '../../filter/write-data.js';
import { imagesOfSubset } from '../subset.js';
import type { TaskOf } from '../task.js';
import { dataOf, loadData, withPaths, type DataValue, type TaskContext } from './context.js';

/** Reads the user's faces, and filters them where asked. */
export async function dataTask(
  { source, ferplus, images, filter }: TaskOf<'data'>,
  { store, scratch, signal, onProgress }: TaskContext,
): Promise<DataValue> {
  const path = source === 'synthetic' ? source : store.rootPath(source);
  if (filter === null) {
    const faces = await loadFaces({ ...images, data: path });
    const counts = countsOf(faces);
    return {
      ...{ file: null, source, images, digest: digestOfFaces(faces), classNames: faces.classNames },
      ...{ before: counts, counts, skipped: faces.skipped.length },
    };
  }
  let skipped = 0;
  const { size, channels, usage, skipBad } = images;
  const config = {
    ...(withPaths(store, filter) as unknown as FilterConfig),
    ...{ probabilities: null, channels, usage, skipBad, data: path, ferplus: ferplus && store.rootPath(ferplus) },
    // Its files go straight into the scratch folder, which is there already.
    ...{ out: join(scratch, 'filtered'), preview: false, force: false },
  };
  const { classes, written } = await filterFaces(config, {
    signal,
    onStart: (start) => (skipped = start.skipped.length),
    onProgress: (work, done, of) => onProgress(done / of, work.toLowerCase()),
  });
  const file = join('filtered', written!.data);
  const kept = await loadFaces({ ...images, size, data: join(scratch, file) });
  const before = kept.classNames.map((name) => classes.find(({ className }) => className === name)?.before ?? 0);
  return {
    ...{ file, source, images, digest: digestOfFaces(kept), classNames: kept.classNames },
    ...{ before, counts: countsOf(kept), skipped },
  };
}

/** Writes the faces that are not held out, or those that one fold trains on. */
export async function subsetTask(
  { data: id, holdout, seed, fold }: TaskOf<'subset'>,
  { store, scratch }: TaskContext,
): Promise<DataValue> {
  const data = await dataOf(store, id);
  const faces = await loadData(data);
  checkForm(faces);
  const wanted = imagesOfSubset(faces, { holdout, seed, fold });
  const kept = Array.from({ length: faces.count }, (_, i) => wanted.has(i));
  const { data: file } = await writeKept({ data: data.path, ferplus: null }, faces, kept, scratch, scratch);
  const written = await loadFaces({ ...data.images, data: join(scratch, file) });
  return {
    ...{ file, source: data.source, images: data.images, digest: digestOfFaces(written) },
    ...{ classNames: written.classNames, before: countsOf(faces), counts: countsOf(written), skipped: 0 },
  };
}

const countsOf = ({ labels, classNames }: FaceSet): number[] => countLabels(labels, classNames.length);
