import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { writeAtomic } from '../ts/base/files.js';
import { barChartSvg } from '../ts/report/bar-chart.js';
import type { Comparison } from './comparison.js';
import { machineLine, type Machine } from './machine.js';
import type { Timing } from './measure.js';

/** Milliseconds with three digits. */
export const ms = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

interface Column {
  readonly head: string;
  /** Undefined where it is not known. */
  cell(timing: Timing): string | undefined;
}

function columnsOf({ timings, images }: Comparison, machine: Machine): Column[] {
  const first = timings[0]!.median;
  const gflops = ({ flops, median }: Timing) => (flops === undefined ? undefined : flops / median / 1e6);
  const share = (timing: Timing) => {
    const [rate, peak] = [gflops(timing), machine.peakGflops[timing.precision ?? 'float32']];
    return rate === undefined || peak === undefined ? undefined : `${((100 * rate) / peak).toFixed(0)} %`;
  };
  const columns: Column[] = [
    { head: '', cell: ({ name }) => name },
    { head: 'ms (median)', cell: ({ median }) => ms(median) },
    { head: 'quartiles', cell: ({ low, high }) => `${ms(low)} - ${ms(high)}` },
    { head: 'runs', cell: ({ runs }) => String(runs) },
    { head: 'times first', cell: ({ median }) => (median / first).toPrecision(3) },
    { head: 'GFLOP/s', cell: (timing) => gflops(timing)?.toPrecision(3) },
    { head: 'of peak', cell: share },
    { head: 'images/s', cell: ({ median }) => (images === undefined ? undefined : ms((1000 * images) / median)) },
    { head: 'peak MiB', cell: ({ peakMiB }) => peakMiB?.toFixed(0) },
  ];
  return columns.filter(({ cell }) => timings.some((timing) => cell(timing) !== undefined));
}

/** A table of the contestants, each with its time as a multiple of the first one's, and the notes below it. */
export function tableOf(comparison: Comparison, machine: Machine): string {
  const columns = columnsOf(comparison, machine);
  const rows = comparison.timings.map((timing) => columns.map(({ cell }) => cell(timing) ?? ''));
  const { title, detail, notes = [] } = comparison;
  const heads = columns.map(({ head }) => head);
  return [`${title} (${detail})`, textTable(heads, rows), ...notes.map((note) => `  ${note}`)].join('\n');
}

/** Columns as wide as they must be, all but the first to the right. */
export function textTable(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [heads, ...rows];
  const widths = heads.map((_, c) => Math.max(...lines.map((cells) => cells[c]!.length)));
  return lines
    .map((cells) => cells.map((text, c) => (c === 0 ? text.padEnd(widths[c]!) : text.padStart(widths[c]!))).join('  '))
    .map((line) => line.trimEnd())
    .join('\n');
}

const folder = fileURLToPath(new URL('./results/', import.meta.url));

/** Writes bench/results/<name>.json: when, on what, and what was found. Returns its path. */
export async function saveJson(name: string, machine: Machine, found: object): Promise<string> {
  await mkdir(folder, { recursive: true });
  const path = `${folder}${name}.json`;
  await writeAtomic(path, `${JSON.stringify({ date: new Date().toISOString(), machine, ...found }, null, 2)}\n`);
  return path;
}

/** Writes bench/results/<name>.json and .svg. Returns their paths. */
export async function save(name: string, comparisons: readonly Comparison[], machine: Machine): Promise<string[]> {
  const json = await saveJson(name, machine, { comparisons });
  const svg = `${folder}${name}.svg`;
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
