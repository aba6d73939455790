import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { writeAtomic } from '../ts/base/files.js';
import { barChartSvg } from '../ts/report/bar-chart.js';
import { machineLine, type Machine } from './machine.js';
import type { Timing } from './measure.js';

/** One comparison: the same work by several contestants, the project's own first. */
export interface Comparison {
  /** e.g. "Training step, batch 1" */
  readonly title: string;
  /** What was measured, in a line. */
  readonly detail: string;
  readonly timings: readonly Timing[];
  /** Floating-point operations of one run, where they were counted. */
  readonly flops?: number;
}

/** Milliseconds with three digits. */
const ms = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

/** A table of the contestants, each with its time as a multiple of the first one's. */
export function tableOf({ title, detail, timings, flops }: Comparison, machine: Machine): string {
  const head = ['', 'ms (median)', 'quartiles', 'runs', 'times ours', ...(flops ? ['GFLOP/s', 'of peak'] : [])];
  const [own] = timings;
  const rows = timings.map(({ name, median, low, high, runs }) => {
    const gflops = (flops ?? 0) / median / 1e6;
    return [
      ...[name, ms(median), `${ms(low)} - ${ms(high)}`, String(runs), (median / own!.median).toPrecision(3)],
      ...(flops ? [gflops.toPrecision(3), `${((100 * gflops) / machine.peakGflops).toFixed(0)} %`] : []),
    ];
  });
  const widths = head.map((text, c) => Math.max(text.length, ...rows.map((row) => row[c]!.length)));
  const line = (cells: readonly string[]) =>
    cells.map((text, c) => (c === 0 ? text.padEnd(widths[c]!) : text.padStart(widths[c]!))).join('  ');
  return [`${title} (${detail})`, line(head), ...rows.map(line)].join('\n');
}

/** Writes bench/results/<name>.json and .svg. Returns their paths. */
export async function save(name: string, comparisons: readonly Comparison[], machine: Machine): Promise<string[]> {
  const folder = fileURLToPath(new URL('./results/', import.meta.url));
  await mkdir(folder, { recursive: true });
  const [json, svg] = [`${folder}${name}.json`, `${folder}${name}.svg`];
  await writeAtomic(json, `${JSON.stringify({ date: new Date().toISOString(), machine, comparisons }, null, 2)}\n`);
  const chart = barChartSvg({
    title: `Milliseconds (median), on ${machineLine(machine)}`,
    groups: comparisons.map(({ title, timings }) => ({
      name: title,
      bars: timings.map((timing) => ({ name: timing.name, value: timing.median })),
    })),
  });
  await writeAtomic(svg, chart);
  return [json, svg];
}
