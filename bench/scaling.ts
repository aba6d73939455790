import type { TrainConfig } from '../ts/train/options.js';
import { race, type Comparison } from './comparison.js';
import { describeNetwork, networks } from './configs.js';
import { openEngines } from './engines.js';
import { stepFlops } from './flops.js';
import type { MeasureOptions, Timing } from './measure.js';
import type { BenchOptions } from './options.js';
import { featuresNote } from './step.js';
import { trainerContestant } from './trainers.js';

interface Axis {
  readonly title: string;
  readonly values: readonly number[];
  set(value: number): Partial<TrainConfig>;
}

const axes: readonly Axis[] = [
  { title: 'batch', values: [1, 2, 4, 8, 16, 32], set: (batchSize) => ({ batchSize }) },
  { title: 'base width', values: [16, 32, 64, 96], set: (baseWidth) => ({ baseWidth, discriminatorWidth: baseWidth }) },
  { title: 'image size', values: [48, 64, 96, 128], set: (size) => ({ size }) },
  { title: 'blocks', values: [1, 2, 4, 8], set: (blocks) => ({ blocks }) },
];

export const axisTitles = axes.map(({ title }) => title.replace(' ', '-'));

/** How the cost of a native training step grows, one table for each thing that grows; all else is the network's. */
export async function* benchScaling(
  { precision, network, axes: wanted }: Pick<BenchOptions, 'precision' | 'network'> & { axes: readonly string[] },
  options: MeasureOptions,
): AsyncGenerator<Comparison> {
  const { engines, leftOut } = await openEngines(['native'], precision);
  for (const engine of engines)
    for (const [i, { title, values, set }] of axes.entries()) {
      if (!wanted.includes(axisTitles[i]!)) continue;
      const timings: Timing[] = [];
      for (const value of values) {
        const config: TrainConfig = { ...networks[network], ...set(value) };
        const contestant = trainerContestant(engine, config, { name: `${title} ${value}`, flops: stepFlops(config) });
        // One after the other: all at once would not fit the memory.
        timings.push(...(await race([contestant], options)));
      }
      yield {
        title: `Training step by ${title}, ${engine.title}`,
        detail: `${network} network: ${describeNetwork(networks[network])}`,
        timings,
        notes: [featuresNote, ...leftOut],
      };
    }
}
