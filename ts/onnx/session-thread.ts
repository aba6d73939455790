import type { Worker } from 'node:worker_threads';
import { startWorker } from '../base/worker.js';
import type { AnyWork, Made, Opened, Reply, Request, SessionEngine, Work } from './session-messages.js';

/** A session's thread, as promises. */
export class SessionThread {
  private readonly worker: Worker;
  private readonly exit: Promise<void>;
  private readonly waiting = new Map<number, { resolve: (reply: Reply) => void; reject: (error: Error) => void }>();
  private requests = 0;
  private ended: Error | undefined;
  /** Shared with the thread: 1 when what it has not begun need not be done. */
  private readonly closing = new Int32Array(new SharedArrayBuffer(4));

  constructor(private readonly engine: SessionEngine) {
    this.worker = startWorker(engine === 'onnxruntime' ? 'onnxruntime-worker.js' : 'tfjs-worker.js', import.meta.url);
    this.worker.on('message', (reply: Reply) => this.settle(reply));
    this.worker.on('error', (error) => this.end(error));
    this.exit = new Promise((resolve) => this.worker.on('exit', () => resolve()));
    void this.exit.then(() => this.end(new Error('the session is closed')));
    // An idle session keeps no process alive.
    this.worker.unref();
  }

  async open(work: Omit<Work<'open'>, 'kind' | 'engine' | 'closing'>): Promise<Opened> {
    const reply = await this.ask({ kind: 'open', engine: this.engine, closing: this.closing, ...work });
    return (reply as Extract<Reply, { opened: Opened }>).opened;
  }

  async run(work: Omit<Work<'run'>, 'kind'>): Promise<Made> {
    const reply = await this.ask({ kind: 'run', ...work }, [work.images.buffer as ArrayBuffer]);
    const { values, shape } = reply as Extract<Reply, Made>;
    return { values, shape };
  }

  /**
   * Fails the calls that were not answered, and ends the thread when the one that it computes is
   * done: onnxruntime brings the process down when its thread is terminated amidst one.
   */
  async close(): Promise<void> {
    if (!this.ended) {
      this.end(new Error('the session is closed'));
      Atomics.store(this.closing, 0, 1);
      this.worker.ref();
      this.worker.postMessage({ id: this.requests++, work: { kind: 'close' } } satisfies Request);
    }
    await this.exit;
  }

  private ask(work: AnyWork, transfer: ArrayBuffer[] = []): Promise<Reply> {
    if (this.ended) return Promise.reject(this.ended);
    return new Promise((resolve, reject) => {
      const request: Request = { id: this.requests++, work };
      this.waiting.set(request.id, { resolve, reject });
      this.worker.ref();
      this.worker.postMessage(request, transfer);
    });
  }

  private settle(reply: Reply): void {
    const caller = this.waiting.get(reply.id);
    if (!caller) return;
    this.waiting.delete(reply.id);
    if (this.waiting.size === 0) this.worker.unref();
    if ('error' in reply) caller.reject(new Error(reply.error));
    else caller.resolve(reply);
  }

  private end(error: Error): void {
    this.ended ??= error;
    for (const { reject } of this.waiting.values()) reject(this.ended);
    this.waiting.clear();
  }
}
