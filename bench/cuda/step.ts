import { precisions, type Precision } from '../../ts/backend/binding.js';
import type { Call } from '../../ts/backend/capture/recorder.js';
import type { TrainConfig } from '../../ts/train/options.js';
import { boundOf, type Bound, type Card } from './card.js';
import { costOf, type Cost } from './costs.js';
import type { Launch, LaunchLog } from './launches.js';
import { recordStep } from './record.js';

/** What a step spends on kernels of one kind. */
export interface Share {
  readonly title: string;
  readonly calls: number;
  readonly cost: Cost;
  /** Launches of kernels, and the blocks that each has at the middle. */
  readonly launches: number;
  readonly blocks: number;
  /** The least time, in seconds. */
  readonly seconds: Readonly<Record<Precision, number>>;
}

export interface StepRoofline {
  readonly batch: number;
  readonly shares: readonly Share[];
  /** Seconds of the calls that each limit holds up. */
  readonly bounds: Readonly<Record<Precision, Readonly<Record<Bound, number>>>>;
  /** The kernels as the GPU sees them, of every precision. */
  readonly launched: readonly Launch[];
}

const kinds: readonly (readonly [title: string, kernels: readonly string[]])[] = [
  ['dense blocks, forward', ['ResidualDenseBlock']],
  ['dense blocks, backward', ['ResidualDenseBlockGrad']],
  ['convolutions, forward', ['Conv2D', 'FusedConv2D']],
  ['convolutions, by input', ['Conv2DBackpropInput']],
  ['convolutions, by filter', ['Conv2DBackpropFilter']],
  ['perceptual loss, forward', ['PerceptualLoss']],
  ['perceptual loss, backward', ['PerceptualLossGrad']],
  ['instance norms, both ways', ['InstanceNorm', 'InstanceNormGrad']],
  ['Adam', ['AdamUpdate']],
];
const others = 'all else: element by element, sums, copies';
const kindOf = (kernel: string): string => kinds.find(([, kernels]) => kernels.includes(kernel))?.[0] ?? others;

/** Calls of the same kernel on the same shapes are the same work. */
interface Group {
  readonly call: Call;
  count: number;
}

function groupsOf(calls: readonly Call[]): Group[] {
  const groups = new Map<string, Group>();
  for (const call of calls) {
    const shapes = [...call.inputs, ...call.outputs].map(({ dims, dtype }) => `${dtype}[${dims.join()}]`);
    const key = `${call.kernel} ${shapes.join(' ')} ${call.attrs.join()}`;
    const group = groups.get(key);
    if (group) group.count++;
    else groups.set(key, { call, count: 1 });
  }
  return [...groups.values()];
}

/** What a card would need at the least for a training step, by what its kernels are asked to do. */
export async function stepRoofline(config: TrainConfig, card: Card, log: LaunchLog): Promise<StepRoofline> {
  const totals = new Map<string, Total>();
  const bounds = byPrecision(() => ({ products: 0, memory: 0, launches: 0 }));
  const launched: Launch[] = [];
  for (const { call, count } of groupsOf(await recordStep(config))) {
    const title = kindOf(call.kernel);
    const total = totals.get(title) ?? emptyTotal();
    totals.set(title, total);
    const cost = costOf(call);
    for (const precision of precisions) {
      const launches = log.of(call, precision);
      launched.push(...launches);
      const { seconds, by } = boundOf(card, precision, cost, launches.length);
      total.seconds[precision] += count * seconds;
      bounds[precision][by] += count * seconds;
      if (precision === 'float32') total.blocks.push(...launches.map(({ blocks }) => ({ blocks, count })));
    }
    total.calls += count;
    total.cost.matrixFlops += count * cost.matrixFlops;
    total.cost.otherFlops += count * cost.otherFlops;
    total.cost.bytes += count * cost.bytes;
  }
  const order = [...kinds.map(([title]) => title), others];
  return {
    ...{ batch: config.batchSize, bounds, launched },
    shares: order.flatMap((title) => {
      const total = totals.get(title);
      if (!total) return [];
      const launches = total.blocks.reduce((sum, { count }) => sum + count, 0);
      return [{ ...total, title, launches, blocks: middle(total.blocks, launches) }];
    }),
  };
}

interface Total {
  calls: number;
  cost: { matrixFlops: number; otherFlops: number; bytes: number };
  blocks: { blocks: number; count: number }[];
  seconds: Record<Precision, number>;
}

const byPrecision = <Value>(make: () => Value): Record<Precision, Value> =>
  Object.fromEntries(precisions.map((precision) => [precision, make()])) as Record<Precision, Value>;

const emptyTotal = (): Total => ({
  ...{ calls: 0, cost: { matrixFlops: 0, otherFlops: 0, bytes: 0 } },
  ...{ blocks: [], seconds: byPrecision(() => 0) },
});

function middle(blocks: readonly { blocks: number; count: number }[], launches: number): number {
  let before = 0;
  for (const each of [...blocks].sort((a, b) => a.blocks - b.blocks)) {
    before += each.count;
    if (before >= launches / 2) return each.blocks;
  }
  return 0;
}
