import type { Precision } from '../../ts/backend/binding.js';
import type { Bound, Card } from './card.js';
import type { Share, StepRoofline } from './step.js';

/** In the order of tables. */
const shown: readonly Precision[] = ['float32', 'tf32', 'bfloat16'];

const row = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;
const table = (heads: readonly string[], rows: readonly (readonly (string | number)[])[]): string =>
  [row(heads), row(heads.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(row)].join('\n');

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
  return table(
    ['', 'calls', 'launches', 'blocks', 'GFLOP', 'MB', ...shown.map((precision) => `${precision}, us`)],
    [...shares.map((share) => cells(share.title, [share], share.blocks)), cells('**all**', shares, '')],
  );
}

/** Whole steps: the bound, what holds it up, and images a second. */
function stepsTable(steps: readonly StepRoofline[]): string {
  const bounds: readonly Bound[] = ['products', 'memory', 'launches'];
  return table(
    ['batch', 'precision', 'ms a step', ...bounds.map((bound) => `of it ${bound}`), 'images a class and second'],
    steps.flatMap(({ batch, bounds: held }) =>
      shown.map((precision) => {
        const all = sum(bounds, (bound) => held[precision][bound]);
        const share = (bound: Bound) => `${((100 * held[precision][bound]) / all).toFixed(0)} %`;
        return [batch, precision, milli(all), ...bounds.map(share), (batch / all).toFixed(0)];
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
