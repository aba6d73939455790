import util from 'node:util';

/** Functions of node:util that tfjs-node 4.22 calls; later Nodes warn of the first call, or have them no more. */
const oldUtil: Readonly<Record<string, (value: unknown) => boolean>> = {
  isArray: Array.isArray,
  isNullOrUndefined: (value) => value === null || value === undefined,
};

/**
 * Prepares for tfjs-node and libtensorflow, before they load. libtensorflow sees an environment that
 * was set on the main thread alone: for use on another thread, call it on both.
 * @param threads libtensorflow's, unless TF_NUM_INTRAOP_THREADS says. Default: RAREFACE_THREADS, else every core
 */
export function prepareProcess(threads?: number): void {
  for (const [name, is] of Object.entries(oldUtil))
    Object.defineProperty(util, name, { value: is, configurable: true, writable: true });
  // libtensorflow reads these when it starts: no line on how it was compiled; threads as for the native engine.
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '1';
  const wanted = threads?.toString() ?? process.env['RAREFACE_THREADS'];
  if (wanted !== undefined) process.env['TF_NUM_INTRAOP_THREADS'] ??= wanted;
}
