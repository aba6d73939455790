import type { ConnectionOptions } from 'bullmq';
import { Redis } from 'ioredis';
import { firstLineOf, UserError } from '../base/errors.js';
import type { Task } from './task.js';

/** The queue's name on the server. */
export const queueName = 'rareface';

/** What a queued job holds: its id is the task's. */
export interface QueuedTask {
  readonly task: Task;
  readonly label: string;
}

/** What a worker tells of the job at hand. */
export interface QueuedProgress {
  readonly fraction: number;
  readonly doing: string;
}

/**
 * How to reach the server.
 * @param url redis://[user:password@]host[:port][/database], or rediss:// for TLS
 * @throws UserError for another form
 */
export function connectionOf(url: string): ConnectionOptions {
  if (!/^rediss?:\/\/[^/]/.test(url) || !URL.canParse(url))
    throw new UserError(`Expected redis://host:port for --queue but received ${url}.`);
  // Workers wait for a server that is away for a while, however long.
  return { url, maxRetriesPerRequest: null };
}

/** Makes sure that the server can be reached now: later, clients wait for it however long. @throws UserError */
export async function reachServer(url: string): Promise<void> {
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
  // What connect() throws says less.
  let why: unknown;
  client.on('error', (error) => (why = error));
  try {
    await client.connect();
    await client.ping();
  } catch (error) {
    throw new UserError(`Cannot reach the queue at ${new URL(url).host}: ${firstLineOf(why ?? error)}`);
  } finally {
    client.disconnect();
  }
}
