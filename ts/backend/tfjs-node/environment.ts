import util from 'node:util';

/** Functions of node:util that tfjs-node 4.22 calls and Node 23 removed. */
const removedUtil: Readonly<Record<string, (value: unknown) => boolean>> = {
  isArray: Array.isArray,
  isNullOrUndefined: (value) => value === null || value === undefined,
};

/** Prepares the process for tfjs-node and libtensorflow: before they load, on the main thread. */
export function prepareProcess(): void {
  for (const [name, is] of Object.entries(removedUtil))
    if (!(name in util)) Object.defineProperty(util, name, { value: is, configurable: true, writable: true });
  // libtensorflow reads these when it starts: no line on how it was compiled; threads as for the native engine.
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '1';
  const threads = process.env['RAREFACE_THREADS'];
  if (threads !== undefined) process.env['TF_NUM_INTRAOP_THREADS'] ??= threads;
}
