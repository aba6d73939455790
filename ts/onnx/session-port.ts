import { parentPort } from 'node:worker_threads';
import { messageOf } from '../base/errors.js';
import type { AnyWork, Made, Opened, Reply, Request, Work } from './session-messages.js';

/** What a session's thread does. */
export interface SessionServer {
  open(work: Work<'open'>): Promise<Opened>;
  /** @returns values in memory of their own */
  run(work: Work<'run'>): Promise<Made>;
}

/** Answers the main thread's requests, in order; the thread ends when it is asked to close. */
export function serveSession(server: SessionServer): void {
  const port = parentPort!;
  let closing: Int32Array | undefined;
  const answer = async (id: number, work: Exclude<AnyWork, Work<'close'>>): Promise<Reply> => {
    if (work.kind === 'run') return { id, ...(await server.run(work)) };
    closing = work.closing;
    return { id, opened: await server.open(work) };
  };
  port.on('message', ({ id, work }: Request) => {
    if (work.kind === 'close') {
      port.close();
      return;
    }
    // Nobody waits for an answer any more.
    if (closing && Atomics.load(closing, 0) === 1) return;
    void answer(id, work)
      .catch((error: unknown): Reply => ({ id, error: messageOf(error) }))
      .then((reply) => port.postMessage(reply, 'values' in reply ? [reply.values.buffer as ArrayBuffer] : []));
  });
}
