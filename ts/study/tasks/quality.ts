import type { QualityConfig } from '../../quality/options.js';
import { measureQuality, type QualityResult } from '../../quality/quality.js';
import type { TaskOf } from '../task.js';
import { dataOf, withPaths, type TaskContext } from './context.js';
import { facesFolder } from './generate.js';

/** Measures the faces of a `generate` task beside real ones. */
export async function qualityTask(
  { faces, data: id, settings }: TaskOf<'quality'>,
  { store, signal, onProgress }: TaskContext,
): Promise<QualityResult> {
  const { path, images } = await dataOf(store, id);
  const { size, channels, usage, skipBad, seed } = images;
  const config = {
    ...(withPaths(store, settings) as unknown as QualityConfig),
    ...{ size, channels, usage, skipBad, seed, out: null, class: null },
    ...{ generated: facesFolder(store.resultFolder(faces)), real: path },
  };
  return measureQuality(config, {
    signal,
    onProgress: (work, done, of) => onProgress(done / of, work.toLowerCase()),
  });
}
