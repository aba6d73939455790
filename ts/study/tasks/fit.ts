import { join } from 'node:path';
import { manifestName } from '../../augment/manifest.js';
import { digestOfFile } from '../../evaluate/added-faces.js';
import { bestOf } from '../../evaluate/best.js';
import type { Job, JobResult } from '../../evaluate/job.js';
import { runJob } from '../../evaluate/run-job.js';
import type { Store } from '../store.js';
import type { PlainTreatment, TaskOf } from '../task.js';
import { dataOf, type TaskContext } from './context.js';
import { facesFolder } from './generate.js';

/** Fits a classifier on one fold and tests it. */
export async function fitTask(task: TaskOf<'fit'>, context: TaskContext): Promise<JobResult> {
  const { store, id, signal, onProgress } = context;
  const { path, digest, images } = await dataOf(store, task.data);
  const treatment = task.on === null ? task.treatment : (await bestIn(store, task.on)).treatment;
  const faces = task.faces === null ? null : await madeFaces(store, task.faces);
  const job: Job = {
    ...{ version: 1, data: { path, digest, ...images }, split: task.split, treatment: { ...treatment, faces } },
    ...{ classifier: task.classifier, engine: task.engine, precision: task.precision },
  };
  return runJob(job, {
    folder: join(store.folder, 'work', id),
    signal,
    onStep: (step, steps) => onProgress(step / steps, `step ${step} of ${steps}`),
  });
}

async function madeFaces(store: Store, id: string): Promise<Job['treatment']['faces']> {
  const path = facesFolder(store.resultFolder(id));
  return { from: 'folder', folder: { path, digest: await digestOfFile(join(path, manifestName)) } };
}

export interface BestValue {
  readonly name: string;
  readonly treatment: PlainTreatment;
}

const bestIn = async (store: Store, id: string): Promise<BestValue> => (await store.read(id)).value as BestValue;

/** Finds the classical treatment with the highest mean F1. */
export async function bestTask({ arms }: TaskOf<'best'>, { store }: TaskContext): Promise<BestValue> {
  const results = await Promise.all(
    arms.map(async ({ name, treatment, fits }) => ({
      name,
      treatment: { ...treatment, faces: null },
      results: await Promise.all(fits.map(async (fit) => (await store.read(fit)).value as JobResult)),
    })),
  );
  const { name } = bestOf(results);
  return { name, treatment: arms.find((arm) => arm.name === name)!.treatment };
}
