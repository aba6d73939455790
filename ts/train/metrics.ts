import { appendFile, readFile } from 'node:fs/promises';
import { messageOf, UserError } from '../base/errors.js';
import { writeAtomic } from '../base/files.js';
import { lossNames, type LossName } from './losses.js';

/** Losses of one step, or their means over some. */
export type Losses = Readonly<Record<LossName, number>>;

/** A line of metrics.jsonl: means over the steps since the line before. */
export interface MetricsLine extends Losses {
  /** Steps done. */
  readonly step: number;
  readonly epoch: number;
  readonly learningRate: number;
  /** Training time so far, without what a killed run lost. */
  readonly seconds: number;
}

export interface WindowState {
  readonly steps: number;
  readonly sums: Losses;
}

const zeros = (): Record<LossName, number> =>
  Object.fromEntries(lossNames.map((name) => [name, 0])) as Record<LossName, number>;

/** Sums of losses since the last line. */
export class LossWindow {
  private steps = 0;
  private sums = zeros();

  add(losses: Losses): void {
    this.steps++;
    for (const name of lossNames) this.sums[name] += losses[name];
  }

  /** The means since the last call. */
  take(): Losses {
    const means = zeros();
    for (const name of lossNames) means[name] = this.sums[name] / this.steps;
    this.steps = 0;
    this.sums = zeros();
    return means;
  }

  get state(): WindowState {
    return { steps: this.steps, sums: { ...this.sums } };
  }

  set state({ steps, sums }: WindowState) {
    this.steps = steps;
    this.sums = { ...sums };
  }
}

/** @throws UserError naming the file when it cannot be written */
export async function appendMetrics(path: string, line: MetricsLine): Promise<void> {
  try {
    await appendFile(path, `${JSON.stringify(line)}\n`);
  } catch (error) {
    throw new UserError(`Cannot write ${path}: ${messageOf(error)}`);
  }
}

/** The lines of metrics.jsonl; a last line cut short by a killed run is left out, a missing file is empty. */
export async function readMetrics(path: string): Promise<MetricsLine[]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw new UserError(`Cannot read ${path}: ${messageOf(error)}`);
  });
  const rows = text.split('\n');
  // What follows the last line feed was not written whole.
  rows.pop();
  return rows.map((row, i) => {
    try {
      return JSON.parse(row) as MetricsLine;
    } catch {
      throw new UserError(`${path} line ${i + 1} is not JSON: '${row.slice(0, 60)}'.`);
    }
  });
}

/** Drops the lines after a step: what a killed run wrote beyond its last checkpoint. */
export async function truncateMetrics(path: string, step: number): Promise<void> {
  const kept = (await readMetrics(path)).filter((line) => line.step <= step);
  await writeAtomic(path, kept.map((line) => `${JSON.stringify(line)}\n`).join(''));
}
