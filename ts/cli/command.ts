import cliProgress from 'cli-progress';
import { UserError } from '../base/errors.js';

/** Runs a command: a UserError prints as one line and exits with 1; a defect keeps its stack. */
export async function runCommand(main: () => Promise<void>): Promise<void> {
  // A reader such as `head` that has seen enough is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  try {
    await main();
  } catch (error) {
    process.stderr.write(error instanceof UserError ? `error: ${error.message}\n` : `${(error as Error).stack}\n`);
    process.exitCode = 1;
  }
}

export interface Progress {
  update(done: number, note?: string): void;
  stop(): void;
}

/**
 * A progress bar with a rate and the time left; without a terminal, one plain line every ten
 * seconds at most, so that logs stay readable.
 */
export function progressBar(label: string, total: number, unit: string): Progress {
  const start = performance.now();
  let first: number | undefined;
  const rate = (done: number) => {
    first ??= done;
    const seconds = (performance.now() - start) / 1000;
    return seconds > 0 ? (done - first) / seconds : 0;
  };
  if (!process.stderr.isTTY) {
    let printed = -Infinity;
    return {
      update(done, note = '') {
        const perSecond = rate(done);
        if (performance.now() - printed < 10_000 && done < total) return;
        printed = performance.now();
        const left = perSecond > 0 ? `, ${Math.round((total - done) / perSecond)} s left` : '';
        process.stderr.write(`${label} ${done}/${total} (${perSecond.toFixed(1)} ${unit}/s${left}) ${note}\n`);
      },
      stop: () => undefined,
    };
  }
  const bar = new cliProgress.SingleBar({
    format: `${label} {bar} {value}/{total}  {rate} ${unit}/s  {eta_formatted} left  {note}`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    hideCursor: true,
    etaBuffer: 50,
  });
  bar.start(total, 0, { rate: '-', note: '' });
  return {
    update: (done, note = '') => bar.update(done, { rate: rate(done).toFixed(1), note }),
    stop: () => bar.stop(),
  };
}
