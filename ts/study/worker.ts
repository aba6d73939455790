import { DelayedError, UnrecoverableError, Worker } from 'bullmq';
import { UserError } from '../base/errors.js';
import { connectionOf, queueName, reachServer, type QueuedTask } from './queue.js';
import { Store } from './store.js';
import { TaskProcess } from './task-process.js';
import { taskSchema } from './task.js';

export interface WorkerOptions {
  /** redis://host:port */
  readonly queue: string;
  /** The folder that the study and all workers share. */
  readonly store: string;
  /**
   * How long the server takes this worker for alive without hearing of it: after that a task goes to another.
   * The lock is renewed at half of it, by a process that does nothing else.
   */
  readonly lockSeconds: number;
  /** Ends the worker when the task at hand has stopped. */
  readonly signal: AbortSignal;
  readonly onReady?: () => void;
  readonly onTask?: (label: string) => void;
  readonly onProgress?: (label: string, fraction: number, doing: string) => void;
  readonly onDone?: (label: string, seconds: number) => void;
  readonly onFailed?: (label: string, why: string) => void;
  /** The queue's server is away, and tried again; or a task was taken from this worker. */
  readonly onTrouble?: (message: string) => void;
}

/** A task whose workers are killed again and again may be the reason. */
const mostStalls = 5;
const progressEvery = 1000;

/**
 * Takes tasks from the queue, one at a time, until the signal. Tasks run in a process of their own.
 * @returns how many were done
 * @throws UserError for a server's address that is none, and a store that no study began
 */
export async function runWorker(options: WorkerOptions): Promise<number> {
  const { signal, lockSeconds } = options;
  const connection = connectionOf(options.queue);
  const store = await Store.ofStudy(options.store);
  const lockDuration = lockSeconds * 1000;
  const child = new TaskProcess({ store: store.folder });
  let done = 0;
  await reachServer(options.queue);
  const worker = new Worker<QueuedTask>(
    queueName,
    async (job, token) => {
      const { label } = job.data;
      const start = performance.now();
      let told = 0;
      options.onTask?.(label);
      try {
        await child.run(taskSchema.parse(job.data.task), (fraction, doing) => {
          options.onProgress?.(label, fraction, doing);
          if (performance.now() - told < progressEvery) return;
          told = performance.now();
          job.updateProgress({ fraction, doing }).catch(() => undefined);
        });
        done++;
        options.onDone?.(label, (performance.now() - start) / 1000);
      } catch (error) {
        if (signal.aborted) {
          // Back to the queue, as if it had not been begun.
          await job.moveToDelayed(Date.now(), token);
          throw new DelayedError();
        }
        options.onFailed?.(label, (error as Error).message);
        // Another try would end the same way.
        throw error instanceof UserError ? new UnrecoverableError(error.message) : error;
      }
    },
    {
      connection,
      ...{ lockDuration, stalledInterval: lockDuration / 2, maxStalledCount: mostStalls },
    },
  );
  worker.on('error', (error) => options.onTrouble?.(error.message));
  try {
    await worker.waitUntilReady();
    options.onReady?.();
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve());
    });
    child.stop();
  } finally {
    await worker.close();
    await child.close();
  }
  return done;
}
