import { count } from '../base/text.js';
import cliProgress from 'cli-progress';

const clearLine = '\r\x1b[K';

/** Writes lines to stderr, over the one that shows progress. */
export function say(...lines: readonly string[]): void {
  if (lines.length > 0) process.stderr.write(`${process.stderr.isTTY ? clearLine : ''}${lines.join('\n')}\n`);
}

/** Tells a thing the first time that it is told. */
export function once(tell: (text: string) => void): (text: string) => void {
  const told = new Set<string>();
  return (text) => {
    if (told.has(text)) return;
    told.add(text);
    tell(text);
  };
}

/** Shows on a terminal how much of a csv was read. */
export function showReading(rows: number): void {
  if (process.stderr.isTTY) process.stderr.write(`${clearLine}Reading faces: ${count(rows)}`);
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
        const left = Math.round((total - done) / perSecond);
        const pace = perSecond > 0 ? `(${perSecond.toFixed(1)} ${unit}/s, ${left} s left)` : '';
        process.stderr.write(`${[`${label} ${done}/${total}`, pace, note].filter(Boolean).join(' ')}\n`);
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
    // What Ctrl-C does is the command's to say: see interruptible.
    gracefulExit: false,
  });
  const stop = () => bar.stop();
  bar.start(total, 0, { rate: '-', note: '' });
  // The cursor comes back however the process ends.
  process.once('exit', stop);
  return {
    update: (done, note = '') => bar.update(done, { rate: rate(done).toFixed(1), note }),
    stop() {
      stop();
      process.off('exit', stop);
    },
  };
}

export interface ProgressBars {
  readonly update: (work: string, done: number, of: number) => void;
  readonly stop: () => void;
}

/** A bar for one piece of work after the other: training in steps, all else in faces. */
export function progressBars(): ProgressBars {
  let bar: Progress | undefined;
  let working = '';
  return {
    update(work, done, of) {
      if (work !== working) {
        bar?.stop();
        bar = progressBar(work, of, work === 'Training' ? 'steps' : 'faces');
        working = work;
      }
      bar?.update(done);
    },
    stop: () => bar?.stop(),
  };
}
