import { availableParallelism } from 'node:os';
import { UserError } from '../base/errors.js';

/** Must match kMaxThreads in native/addon/surface.h. */
const maxThreads = 256;

/**
 * How many threads kernels run on: RAREFACE_THREADS, else every core.
 * @throws UserError for a RAREFACE_THREADS that is no such number
 */
export function threadsFromEnvironment(): number {
  const text = process.env['RAREFACE_THREADS'];
  if (text === undefined) return Math.min(availableParallelism(), maxThreads);
  const threads = Number(text);
  if (!Number.isInteger(threads) || threads < 1 || threads > maxThreads)
    throw new UserError(`Expected an integer between 1 and ${maxThreads} for RAREFACE_THREADS but received '${text}'.`);
  return threads;
}
