import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { writeAtomic } from '../base/files.js';
import { claimFolder } from '../base/folder-claim.js';
import type { StudyConfig } from './config.js';
import type { TaskNode } from './graph.js';
import { partNote } from './headline.js';
import { LocalExecutor } from './local-executor.js';
import { cellsIn } from './matrix.js';
import { planStudy, storeRoots, type StudyPlan, type StudyPlanEvents } from './plan.js';
import { QueueExecutor } from './queue-executor.js';
import { studyPage } from './report.js';
import { collectResults, type StudyResult } from './results.js';
import { runTasks, type Executor, type Failures } from './schedule.js';
import { Store } from './store.js';
import { resultJson, tableCsv } from './table.js';

export interface StudyEvents extends StudyPlanEvents {
  /** Stops the tasks at hand; what is finished stays, and the same call goes on from it. */
  readonly signal?: AbortSignal;
  readonly onStart?: (start: StudyStart) => void;
  readonly onTask?: (node: TaskNode) => void;
  /** Part of a task that is done. */
  readonly onProgress?: (node: TaskNode, fraction: number, doing: string) => void;
  readonly onDone?: (node: TaskNode) => void;
  readonly onFailed?: (why: string) => void;
  /** The queue's server is away; it is tried again. */
  readonly onTrouble?: (message: string) => void;
}

export interface StudyStart {
  readonly cells: number;
  readonly tasks: number;
  /** Tasks whose results are there. */
  readonly done: number;
  readonly out: string;
  /** Rows or files of the data that could not be read. */
  readonly skipped: readonly string[];
}

export interface StudyFiles {
  readonly page: string;
  readonly table: string;
  readonly json: string;
}

/** Where a study's results are written. */
export const studyFiles = (out: string): StudyFiles => ({
  page: join(out, 'report.html'),
  table: join(out, 'table.csv'),
  json: join(out, 'study.json'),
});

export interface StudyOutcome {
  readonly result: StudyResult;
  /** How much of the study it is, where flags cut it. */
  readonly part: string | undefined;
  readonly files: StudyFiles;
  /** Tasks that this call did. */
  readonly did: number;
}

/** What a study that was stopped has come to. */
export interface StudyStopped {
  readonly stopped: { readonly done: number; readonly tasks: number; readonly out: string };
}

/** The store of a study's folder, where there is one. */
export async function storeOf(out: string): Promise<Store | undefined> {
  return existsSync(join(out, 'results')) ? Store.open(out) : undefined;
}

/**
 * Does a study: filters, trains generators, makes faces, fits classifiers on every fold, and writes table.csv,
 * study.json and report.html. Tasks run in processes of this machine, or on a queue that workers take them
 * from. Results are kept under the hash of all that they depend on: a study that was stopped or killed at any
 * time goes on from them, and another that shares tasks does them once. The figures depend on the study
 * file and the data alone.
 * @throws UserError for files, options or data that do not fit, before anything is written; and where another study
 *   is being done in the folder
 */
export async function runStudy(config: StudyConfig, events: StudyEvents = {}): Promise<StudyOutcome | StudyStopped> {
  const { signal = new AbortController().signal } = events;
  const plan = await planStudy(config, events);
  const store = await Store.open(plan.out);
  // Another study would take over the training of this one's processes. Workers share the folder: a queue gives
  // each task to one of them.
  const claim = await claimFolder(plan.out, 'does a study in it');
  try {
    return await doStudy(plan, store, config, { ...events, signal });
  } finally {
    await claim.release();
  }
}

async function doStudy(
  plan: StudyPlan,
  store: Store,
  config: StudyConfig,
  events: StudyEvents & { readonly signal: AbortSignal },
): Promise<StudyOutcome | StudyStopped> {
  const { signal } = events;
  const { nodes } = plan.graph;
  await store.removeLeftovers();
  await storeRoots(plan, store);
  const isDone = (id: string) => store.has(id);
  const done = () => nodes.filter(({ id }) => isDone(id)).length;
  events.onStart?.({
    cells: cellsIn(plan).length,
    ...{ tasks: nodes.length, done: done(), out: plan.out, skipped: plan.faces.skipped },
  });
  const executor = await openExecutor(config, store, signal, events);
  let did = 0;
  let failures: Failures;
  try {
    failures = await runTasks(nodes, isDone, executor, {
      signal,
      onStart: (node) => events.onTask?.(node),
      onDone(node) {
        did++;
        events.onDone?.(node);
      },
      onFailed: (_, why) => events.onFailed?.(why),
    });
  } catch (error) {
    if (!signal.aborted) throw error;
    return { stopped: { done: done(), tasks: nodes.length, out: plan.out } };
  } finally {
    await executor.close();
  }
  return { ...(await writeStudy(plan, store, failures, config)), part: partNote(plan), did };
}

async function openExecutor(
  { queue, workers }: StudyConfig,
  store: Store,
  signal: AbortSignal,
  { onProgress, onTrouble }: StudyEvents,
): Promise<Executor> {
  const events = { signal, ...(onProgress && { onProgress }) };
  if (queue !== null) return QueueExecutor.open({ url: queue, store, ...events, ...(onTrouble && { onTrouble }) });
  return new LocalExecutor({ store: store.folder, workers, ...events });
}

async function writeStudy(
  plan: StudyPlan,
  store: Store,
  failures: Failures,
  { realFaces }: StudyConfig,
): Promise<{ result: StudyResult; files: StudyFiles }> {
  const result = await collectResults(plan, store, failures);
  const files = studyFiles(plan.out);
  await writeAtomic(files.table, tableCsv(result));
  await writeAtomic(files.json, resultJson(result));
  await writeAtomic(files.page, await studyPage(plan, result, store, failures, { realFaces }));
  return { result, files };
}
