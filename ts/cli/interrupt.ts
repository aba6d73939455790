import { constants } from 'node:os';
import { say } from './progress.js';

/** What a command says that was stopped too early to leave something. */
export const nothingWritten = 'Stopped: nothing was written.';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Does work that Ctrl-C (or SIGTERM, or a terminal that is closed) stops in good order, by the signal that it is
 * given; a second one ends the process at once. The exit code is then what shells report of a process that a signal
 * ended.
 * @param stopping what to say of how it stops; undefined where stopping would save nothing: then the first ends the
 *   process at once
 */
export async function interruptible<T>(
  stopping: () => string | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const onSignal = (name: NodeJS.Signals) => {
    // Of one terminal that closes there may be several: from the shell, and from the system.
    if (controller.signal.aborted && name === 'SIGHUP') return;
    process.exitCode = 128 + constants.signals[name];
    if (controller.signal.aborted) process.exit();
    const text = stopping();
    say(text === undefined ? nothingWritten : `${text} Once more to stop at once.`);
    if (text === undefined) process.exit();
    controller.abort();
  };
  for (const name of signals) process.on(name, onSignal);
  try {
    return await work(controller.signal);
  } finally {
    for (const name of signals) process.off(name, onSignal);
  }
}
