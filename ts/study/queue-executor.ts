import { Queue, QueueEvents, type JobProgress } from 'bullmq';
import { setTimeout } from 'node:timers/promises';
import type { TaskNode } from './graph.js';
import { connectionOf, queueName, reachServer, type QueuedProgress, type QueuedTask } from './queue.js';
import type { Executor } from './schedule.js';
import type { Store } from './store.js';

export interface QueueOptions {
  readonly url: string;
  readonly store: Store;
  readonly signal: AbortSignal;
  /** The server is away. */
  readonly onTrouble?: (message: string) => void;
  readonly onProgress?: (node: TaskNode, fraction: number, doing: string) => void;
}

/** Times that a worker tries a task. */
const attempts = 2;
/** Tasks on the queue at once: more than there are workers, and few to go on with when the study is stopped. */
const mostQueued = 256;
/** How often the store and the queue are looked at, beside what the server tells. */
const lookEvery = 15_000;
/** How long a shared folder may take to show what another machine wrote. */
const lagMs = 60_000;

interface Waiting {
  readonly node: TaskNode;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Does tasks through BullMQ: those that are ready are put on the queue under their own ids, so that each
 * is there once, and workers of any machine take them.
 */
export class QueueExecutor implements Executor {
  readonly limit = mostQueued;
  private readonly waiting = new Map<string, Waiting>();
  /** Ids of tasks that a worker has done and whose results are waited for. */
  private readonly finishing = new Set<string>();
  private readonly closing = new AbortController();
  private readonly timer;

  private constructor(
    private readonly options: QueueOptions,
    private readonly queue: Queue<QueuedTask>,
    private readonly events: QueueEvents,
  ) {
    events.on('completed', ({ jobId }) => void this.finish(jobId));
    events.on('failed', ({ jobId, failedReason }) => this.waiting.get(jobId)?.reject(new Error(failedReason)));
    events.on('progress', ({ jobId, data }: { jobId: string; data: JobProgress }) => {
      const { fraction, doing } = data as unknown as QueuedProgress;
      const node = this.waiting.get(jobId)?.node;
      if (node) options.onProgress?.(node, fraction, doing);
    });
    // A server that is away is asked again.
    this.timer = setInterval(() => void this.look().catch(() => undefined), lookEvery);
    options.signal.addEventListener('abort', () => {
      for (const { reject } of this.waiting.values()) reject(options.signal.reason);
    });
  }

  /** @throws UserError for a server's address that is none */
  static async open(options: QueueOptions): Promise<QueueExecutor> {
    const connection = connectionOf(options.url);
    await reachServer(options.url);
    const queue = new Queue<QueuedTask>(queueName, { connection });
    const events = new QueueEvents(queueName, { connection });
    queue.on('error', (error) => options.onTrouble?.(error.message));
    events.on('error', (error) => options.onTrouble?.(error.message));
    await Promise.all([queue.waitUntilReady(), events.waitUntilReady()]);
    return new QueueExecutor(options, queue, events);
  }

  async run(node: TaskNode): Promise<void> {
    const done = new Promise<void>((resolve, reject) => this.waiting.set(node.id, { node, resolve, reject }));
    try {
      // The signal ends it also while a server that is away keeps it from the queue.
      await Promise.race([done, this.enqueue(node).then(() => done)]);
    } finally {
      this.waiting.delete(node.id);
    }
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    this.closing.abort();
    await Promise.all([this.queue.close(), this.events.close()]);
  }

  /** Puts a task on the queue, unless it is on it. */
  private async enqueue({ id, task, label }: TaskNode): Promise<void> {
    const options = { jobId: id, attempts, removeOnComplete: true, removeOnFail: true };
    await this.queue.add(task.kind, { task, label }, options);
  }

  private async finish(id: string): Promise<void> {
    const one = this.waiting.get(id);
    if (!one || this.finishing.has(id)) return;
    const { store } = this.options;
    this.finishing.add(id);
    try {
      for (let waited = 0; waited < lagMs && !store.has(id); waited += 100)
        await setTimeout(100, undefined, this.closing);
      if (store.has(id)) one.resolve();
      else
        one.reject(new Error(`a worker has done it, but its result is not in ${store.folder}: is that folder shared?`));
    } catch {
      // Closed: nobody waits for it any more.
    } finally {
      this.finishing.delete(id);
    }
  }

  /** Finds what the server's events may have missed while it was away. */
  private async look(): Promise<void> {
    for (const { node, resolve } of [...this.waiting.values()]) {
      if (this.options.store.has(node.id)) resolve();
      // One that a worker has just done is on it no more.
      else if ((await this.queue.getJob(node.id)) === undefined && !this.finishing.has(node.id))
        await this.enqueue(node);
    }
  }
}
