import { cardOf } from '../cuda/card.js';
import type { Machine } from '../machine.js';
import { ms, textTable } from '../output.js';
import { together, type Spent, type StepProfile } from './profile.js';

interface Column {
  readonly head: string;
  cell(spent: Spent): string;
}

/** What kinds of calls take, and those shapes that take longest. */
export function profileText({ batch, precision, kinds, shapes }: StepProfile, machine: Machine, most: number): string {
  const all = together('all', kinds);
  const peak = machine.peakGflops[precision];
  const card = machine.device === undefined ? undefined : cardOf(machine.device);
  const gflops = ({ flops, milliseconds }: Spent) => flops / milliseconds / 1e6;
  const columns: readonly Column[] = [
    { head: 'calls', cell: ({ calls }) => String(calls) },
    { head: 'ms', cell: ({ milliseconds }) => ms(milliseconds) },
    { head: 'of all', cell: ({ milliseconds }) => percent(milliseconds / all.milliseconds) },
    { head: 'GFLOP/s', cell: (spent) => (spent.flops > 0 ? gflops(spent).toFixed(0) : '') },
    { head: 'of peak', cell: (spent) => (spent.flops > 0 && peak ? percent(gflops(spent) / peak) : '') },
    { head: 'GB/s', cell: ({ bytes, milliseconds }) => (bytes / milliseconds / 1e6).toFixed(0) },
    // Whatever launches take.
    ...(card
      ? [
          {
            head: 'least ms',
            cell: ({ flops, bytes }: Spent) =>
              ms(1e3 * Math.max(flops / card.matrix[precision], bytes / card.bandwidth)),
          },
        ]
      : []),
  ];
  const rows = (of: readonly Spent[]) =>
    of.filter(({ calls }) => calls > 0).map((spent) => [spent.title, ...columns.map(({ cell }) => cell(spent))]);
  const heads = (title: string) => [title, ...columns.map(({ head }) => head)];
  return [
    textTable(heads(`Batch ${batch}, ${precision}`), rows([...kinds, all])),
    textTable(heads('of them'), rows(shapes.slice(0, most))),
  ].join('\n\n');
}

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
