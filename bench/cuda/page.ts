import type { Precision } from '../../ts/backend/binding.js';
import type { Bound, Card } from './card.js';
import type { Share, StepRoofline } from './step.js';

/** In the order of tables. */
const shown: readonly Precision[] = ['float32', 'tf32', 'bfloat16'];

type Cells = readonly (string | number)[];

/** A table as prettier sets it: all columns but the first to the right. */
export function markdownTable(heads: Cells, rows: readonly Cells[]): string {
  const widths = heads.map((_, i) => Math.max(4, ...[heads, ...rows].map((cells) => String(cells[i]).length)));
  const line = (cells: Cells) =>
    `| ${cells.map((cell, i) => (i === 0 ? String(cell).padEnd(widths[i]!) : String(cell).padStart(widths[i]!))).join(' | ')} |`;
  const rule = widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [line(heads), line(rule), ...rows.map(line)].join('\n');
}

/** Puts text between a page's markers of a name. */
export function between(page: string, name: string, text: string): string {
  const [start, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [page.indexOf(start), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`The page has no ${start} ... ${end}.`);
  return `${page.slice(0, from + start.length)}\n\n${text}\n\n${page.slice(to)}`;
}

const sum = <Item>(items: readonly Item[], value: (item: Item) => number): number =>
  items.reduce((all, item) => all + value(item), 0);

const micro = (seconds: number): string => (seconds * 1e6).toFixed(0);
const milli = (seconds: number): string => (seconds * 1e3).toPrecision(3);

/** What each kind of kernel asks for, at one batch size. */
function sharesTable({ shares }: StepRoofline): string {
  const cells = (title: string, of: readonly Share[], blocks: number | string) => [
    title,
    sum(of, ({ calls }) => calls),
    sum(of, ({ launches }) => launches),
    blocks,
    (sum(of, ({ cost }) => cost.matrixFlops) / 1e9).toFixed(1),
    (sum(of, ({ cost }) => cost.bytes) / 1e6).toFixed(0),
    ...shown.map((precision) => micro(sum(of, ({ seconds }) => seconds[precision]))),
  ];
  return markdownTable(
    ['', 'calls', 'launches', 'blocks', 'GFLOP', 'MB', ...shown.map((precision) => `${precision}, us`)],
    [...shares.map((share) => cells(share.title, [share], share.blocks)), cells('**all**', shares, '')],
  );
}

/** Whole steps: the bound and images a second; one call after the other, what holds it up. */
function stepsTable(steps: readonly StepRoofline[]): string {
  const bounds: readonly Bound[] = ['products', 'memory', 'launches'];
  return markdownTable(
    [
      ...['batch', 'precision', 'ms a step', 'images a class and second', 'ms one call after the other'],
      ...bounds.map((bound) => `of it ${bound}`),
    ],
    steps.flatMap(({ batch, bounds: held, sideBySide }) =>
      shown.map((precision) => {
        const all = sum(bounds, (bound) => held[precision][bound]);
        const share = (bound: Bound) => `${((100 * held[precision][bound]) / all).toFixed(0)} %`;
        const least = sideBySide[precision];
        return [batch, precision, milli(least), (batch / least).toFixed(0), milli(all), ...bounds.map(share)];
      }),
    ),
  );
}

/** The roofline's part of docs/cuda.md. */
export function rooflineText(network: string, steps: readonly StepRoofline[], card: Card): string {
  const rates = shown.map((precision) => `${(card.matrix[precision] / 1e12).toFixed(0)} in ${precision}`).join(', ');
  return [
    `The least time of a training step of ${network} on one ${card.name}: ${card.multiprocessors} multiprocessors, ` +
      `${card.bandwidth / 1e12} TB/s, ${rates} TFLOP/s of products, ${card.launch * 1e6} us from one kernel of a graph to the next.`,
    stepsTable(steps),
    ...steps.flatMap((step) => [`Batch ${step.batch}:`, sharesTable(step)]),
  ].join('\n\n');
}
