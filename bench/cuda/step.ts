import { precisions, type Precision } from '../../ts/backend/binding.js';
import { dependenciesOf } from '../../ts/backend/capture/hazards.js';
import type { Call } from '../../ts/backend/capture/recorder.js';
import type { TrainConfig } from '../../ts/train/options.js';
import { costOf, launchesAside, type Cost } from '../calls/costs.js';
import { groupsOf, kindOf, kinds } from '../calls/kinds.js';
import { recordStep } from '../calls/record.js';
import { boundOf, type Bound, type Card } from './card.js';
import { gpuEngine } from './device.js';
import type { Launch, LaunchLog } from './launches.js';

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
  /** Seconds of the calls that each limit holds up, one call after the other. */
  readonly bounds: Readonly<Record<Precision, Readonly<Record<Bound, number>>>>;
  /** The least time of all calls, those that need not wait for each other side by side. */
  readonly sideBySide: Readonly<Record<Precision, number>>;
  /** The kernels as the GPU sees them, of every precision. */
  readonly launched: readonly Launch[];
}

/** Seconds of a call: alone, and if launches cost nothing. */
interface Times {
  readonly alone: number;
  readonly work: number;
}

/**
 * The least time of calls of which those run side by side that need not wait for each other: that of the longest
 * chain, or of the whole work where it fills the card.
 */
function sideBySide(calls: readonly Call[], times: ReadonlyMap<Call, Times>): number {
  const end: number[] = [];
  dependenciesOf(calls, new Map()).forEach((needed, at) =>
    end.push(times.get(calls[at]!)!.alone + Math.max(0, ...needed.map((other) => end[other]!))),
  );
  return Math.max(
    ...end,
    calls.reduce((sum, call) => sum + times.get(call)!.work, 0),
  );
}

/** What a card would need at the least for a training step, by what its kernels are asked to do. */
export async function stepRoofline(config: TrainConfig, card: Card, log: LaunchLog): Promise<StepRoofline> {
  const totals = new Map<string, Total>();
  const bounds = byPrecision(() => ({ products: 0, memory: 0, launches: 0 }));
  const launched: Launch[] = [];
  const calls = await recordStep(config, gpuEngine);
  const times = byPrecision(() => new Map<Call, Times>());
  for (const group of groupsOf(calls)) {
    const [call] = group as [Call];
    const count = group.length;
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
      const { seconds: alone } = boundOf(card, precision, cost, launches.length - launchesAside(call));
      const { seconds: work } = boundOf(card, precision, cost, 0);
      for (const each of group) times[precision].set(each, { alone, work });
      if (precision === 'float32') total.blocks.push(...launches.map(({ blocks }) => ({ blocks, count })));
    }
    total.calls += count;
    total.cost.matrixFlops += count * cost.matrixFlops;
    total.cost.otherFlops += count * cost.otherFlops;
    total.cost.bytes += count * cost.bytes;
  }
  return {
    ...{ batch: config.batchSize, bounds, launched },
    sideBySide: byPrecision((precision) => sideBySide(calls, times[precision])),
    shares: kinds.flatMap((title) => {
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

const byPrecision = <Value>(make: (precision: Precision) => Value): Record<Precision, Value> =>
  Object.fromEntries(precisions.map((precision) => [precision, make(precision)])) as Record<Precision, Value>;

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
