import { copyFile, mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { readWeights, writeWeights } from '../../models/weights.js';
import { validateConfig } from '../../train/config.js';
import { newestOrNamed, unfinishedRun } from '../../train/checkpoint.js';
import { laterDefaults } from '../../train/options.js';
import { readRunConfig, runFiles } from '../../train/run-folder.js';
import { trainCycleGan } from '../../train/train.js';
import type { TaskOf } from '../task.js';
import { dataOf, loadData, withPaths, type TaskContext } from './context.js';

/** Files of a trained pair. */
export const trainedFiles = (folder: string): { readonly onnx: string; readonly metrics: string } => ({
  onnx: join(folder, 'gen_ab.onnx'),
  metrics: join(folder, 'metrics.jsonl'),
});

const runName = 'run';

export interface TrainValue {
  readonly steps: number;
  readonly warnings: readonly string[];
}

/** Trains a pair of generators; goes on from the newest checkpoint of a process that was stopped. */
export async function trainTask(
  { data: id, config: settings }: TaskOf<'train'>,
  context: TaskContext,
): Promise<TrainValue> {
  const { store, scratch, signal, onProgress } = context;
  const data = await dataOf(store, id);
  const faces = await loadData(data);
  const work = await store.claimWork(context.id);
  const begun = await unfinishedRun(work, runName);
  const config = begun
    ? await readRunConfig(begun)
    : validateConfig({
        ...laterDefaults,
        ...withPaths(store, settings),
        // A label: the faces are given.
        ...{ data: data.source === 'synthetic' ? data.source : data.source.name, ferplus: null },
        ...{ runs: work, name: runName, maxMinutes: null },
      });
  let last = 0;
  const warnings: string[] = [];
  const result = await trainCycleGan(config, {
    ...{ faces, signal, ...(begun !== undefined && { resume: begun }) },
    onStart: ({ lastStep }) => (last = lastStep),
    onStep: (step) => onProgress(step / last, `step ${step} of ${last}`),
    onWarning: (text) => warnings.push(text),
  });
  if (result.stopped === 'aborted') throw signal.reason as Error;
  const files = runFiles(result.folder);
  const kept = trainedFiles(scratch);
  await copyFile(files.generatorAB, kept.onnx);
  await copyFile(files.metrics, kept.metrics).catch((error: unknown) => {
    // A run shorter than a line of it.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  });
  await copyFile(files.config, join(scratch, 'config.json'));
  await keepDiscriminator(result.folder, scratch);
  await store.removeWork(context.id);
  return { steps: result.step, warnings };
}

/** The discriminator of the rare class, by which faces are selected: as a run's folder has it. */
async function keepDiscriminator(run: string, to: string): Promise<void> {
  const { folder } = await newestOrNamed({ run });
  const { params, metadata } = await readWeights(join(folder, 'tensors.safetensors'));
  const own = Object.entries(params).filter(([name]) => name.startsWith('discriminatorB/'));
  const target = join(to, 'checkpoints', basename(folder));
  await mkdir(target, { recursive: true });
  await writeWeights(join(target, 'tensors.safetensors'), Object.fromEntries(own), metadata, 'float32');
}
