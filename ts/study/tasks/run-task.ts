import { rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { threadsFromEnvironment } from '../../backend/threads.js';
import type { Store } from '../store.js';
import { taskId, type Task } from '../task.js';
import type { TaskContext } from './context.js';
import { dataTask, subsetTask } from './data.js';
import { bestTask, fitTask } from './fit.js';
import { generateTask } from './generate.js';
import { qualityTask } from './quality.js';
import { trainTask } from './train.js';

/**
 * Does one task and stores what it gives, unless that is there already. Its dependencies must be.
 * @throws UserError for data or options that the task cannot be done with
 */
export async function runTask(
  task: Task,
  store: Store,
  { signal, onProgress }: Pick<TaskContext, 'signal' | 'onProgress'>,
): Promise<void> {
  const id = taskId(task);
  if (store.has(id)) return;
  const start = performance.now();
  const scratch = await store.scratch(id);
  try {
    const value = await work(task, { store, id, scratch, signal, onProgress });
    signal.throwIfAborted();
    const seconds = (performance.now() - start) / 1000;
    const share = Math.min(1, threadsFromEnvironment() / availableParallelism());
    await store.publish(scratch, { id, task, seconds, share, value });
  } catch (error) {
    await rm(scratch, { recursive: true, force: true });
    throw error;
  }
}

function work(task: Task, context: TaskContext): Promise<unknown> {
  switch (task.kind) {
    case 'data':
      return dataTask(task, context);
    case 'subset':
      return subsetTask(task, context);
    case 'train':
      return trainTask(task, context);
    case 'generate':
      return generateTask(task, context);
    case 'quality':
      return qualityTask(task, context);
    case 'best':
      return bestTask(task, context);
    case 'fit':
      return fitTask(task, context);
  }
}
