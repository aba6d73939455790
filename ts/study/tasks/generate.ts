import { join } from 'node:path';
import { augment } from '../../augment/augment.js';
import { candidatesOf, type SelectSettings } from '../../augment/select/options.js';
import type { TaskOf } from '../task.js';
import { dataOf, type TaskContext } from './context.js';
import { trainedFiles } from './train.js';

/** Where the faces of a `generate` task lie. */
export const facesFolder = (result: string): string => join(result, 'faces');

export interface GenerateValue {
  readonly className: string;
  readonly made: number;
  /** Faces that equal an earlier one. */
  readonly equal: number;
}

/** Makes faces with a generator. */
export async function generateTask(task: TaskOf<'generate'>, context: TaskContext): Promise<GenerateValue> {
  const { store, scratch, signal, onProgress } = context;
  const select: SelectSettings = task.select ?? {};
  const candidates = candidatesOf({ n: task.n, ...select });
  const { className, count, equal } = await augment({
    ...select,
    onnx: trainedFiles(store.resultFolder(task.generator)).onnx,
    data: task.data === null ? 'synthetic' : (await dataOf(store, task.data)).path,
    usage: task.usage,
    ...{ n: task.n, source: task.source, className: task.class, seed: task.seed },
    out: facesFolder(scratch),
    // The same engine everywhere: the same faces.
    ...{ engine: 'native', provider: 'cpu', signal },
    onProgress: (faces) => onProgress(faces / candidates, `${faces} of ${candidates} faces`),
  });
  return { className, made: count, equal };
}
