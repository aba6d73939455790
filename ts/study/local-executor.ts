import { availableParallelism } from 'node:os';
import type { TaskNode } from './graph.js';
import type { Executor } from './schedule.js';
import { ProcessEnded, TaskProcess } from './task-process.js';

export interface LocalOptions {
  /** Folder of the store. */
  readonly store: string;
  /** Processes; each gets its part of the cores. */
  readonly workers: number;
  readonly signal: AbortSignal;
  readonly onProgress?: (node: TaskNode, fraction: number, doing: string) => void;
}

/** Times that a task is tried whose process ends under it. */
const trials = 3;

/** Does tasks in processes of this machine. */
export class LocalExecutor implements Executor {
  readonly limit: number;
  private readonly all: TaskProcess[];
  private readonly idle: TaskProcess[];

  constructor(private readonly options: LocalOptions) {
    const { store, workers, signal } = options;
    this.limit = workers;
    const threads = workers === 1 ? undefined : Math.max(1, Math.floor(availableParallelism() / workers));
    this.all = Array.from({ length: workers }, () => new TaskProcess({ store, threads }));
    this.idle = [...this.all];
    signal.addEventListener('abort', () => this.all.forEach((one) => one.stop()));
  }

  async run(node: TaskNode): Promise<void> {
    const process = this.idle.pop()!;
    try {
      for (let trial = 1; ; trial++)
        try {
          await process.run(node.task, (...progress) => this.options.onProgress?.(node, ...progress));
          return;
        } catch (error) {
          if (!(error instanceof ProcessEnded) || trial === trials || this.options.signal.aborted) throw error;
        }
    } finally {
      this.idle.push(process);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.all.map((one) => one.close()));
  }
}
