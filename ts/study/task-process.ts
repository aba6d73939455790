import { fork, type ChildProcess } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { UserError } from '../base/errors.js';
import type { FromChild, ToChild } from './child-messages.js';
import type { Task } from './task.js';

export interface TaskProcessOptions {
  /** Folder of the store. */
  readonly store: string;
  /** Threads of the native engine; undefined: every core. */
  readonly threads?: number | undefined;
}

export type OnTaskProgress = (fraction: number, doing: string) => void;

/**
 * A process of its own that does tasks one after the other: this one's event loop stays free however
 * busy a task is, and a task that brings its process down brings no other down.
 */
export class TaskProcess {
  private child: ChildProcess | undefined;
  private stopping = false;

  constructor(private readonly options: TaskProcessOptions) {}

  /** @throws UserError for the user's mistakes; Error with the stack of any other failure, or of how the process ended */
  run(task: Task, onProgress?: OnTaskProgress): Promise<void> {
    const child = (this.child ??= this.start());
    return new Promise((resolve, reject) => {
      const settle = (end: () => void) => {
        child.off('message', onMessage).off('exit', onExit);
        end();
      };
      const onMessage = (message: FromChild) => {
        if (message.type === 'progress') onProgress?.(message.fraction, message.doing);
        else if (message.type === 'done') settle(resolve);
        else settle(() => reject(message.mistake ? new UserError(message.message) : new Error(message.message)));
      };
      const onExit = (code: number | null, signal: string | null) => {
        this.child = undefined;
        settle(() => reject(new ProcessEnded(`Its process ended (${signal ?? `exit code ${code}`}).`)));
      };
      child.on('message', onMessage).on('exit', onExit);
      this.send(child, { type: 'run', task });
    });
  }

  /** Stops the task at hand, which fails: training with a checkpoint. */
  stop(): void {
    if (this.child && !this.stopping) this.send(this.child, { type: 'stop' });
    this.stopping = true;
  }

  /** Ends the process, whatever it does. */
  async close(): Promise<void> {
    const { child } = this;
    if (!child) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  private send(child: ChildProcess, message: ToChild): void {
    // Of a process that has just ended, its exit says more than this failure.
    child.send(message, () => undefined);
  }

  private start(): ChildProcess {
    const { store, threads } = this.options;
    const source = import.meta.url.endsWith('.ts');
    const module = fileURLToPath(new URL(source ? 'child.ts' : 'child.js', import.meta.url));
    return fork(module, [store], {
      env: { ...process.env, ...(threads !== undefined && { RAREFACE_THREADS: String(threads) }) },
      // A process started from the sources has no loader of TypeScript yet.
      execArgv: source ? ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href] : [],
      // What libraries print is no result of the command.
      stdio: ['ignore', 2, 2, 'ipc'],
    });
  }
}

/** A process was killed, or brought down by its task. */
export class ProcessEnded extends Error {}
