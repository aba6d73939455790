import { networks } from './configs.js';
import { race, type Comparison } from './comparison.js';
import { openEngines } from './engines.js';
import type { MeasureOptions } from './measure.js';
import type { BenchOptions } from './options.js';
import { adamWork, contestantOf, convWork, normWork, perceptualWork, trunkWork, type Work } from './works.js';

/** The parts of a training step, each alone, natively and in tfjs's own backends. */
export async function* benchKernels(
  { batch, precision, engines: names, network }: BenchOptions,
  options: MeasureOptions,
  /** tfjs's cpu backend sits out what has more operations than this. */
  cpuFlops = Infinity,
): AsyncGenerator<Comparison> {
  const { engines, leftOut } = await openEngines(names, precision);
  for (const work of worksOf(networks[network], batch)) {
    const racing = engines.filter(
      ({ name, trains }) => (trains || !work.trains) && (name !== 'cpu' || (work.flops ?? 0) <= cpuFlops),
    );
    yield {
      title: work.title,
      detail: work.detail,
      timings: await race(
        racing.map((engine) => contestantOf(engine, work)),
        options,
      ),
      notes: leftOut,
    };
  }
}

function* worksOf(config: (typeof networks)[keyof typeof networks], batches: readonly number[]): Generator<Work> {
  for (const batch of batches) {
    const shape = { batch, side: config.size / 4, channels: 4 * config.baseWidth, filters: 4 * config.baseWidth };
    for (const part of ['forward', 'input gradient', 'filter gradient'] as const) yield convWork(part, shape);
    for (const forwardOnly of [true, false]) yield trunkWork(config, batch, forwardOnly);
    for (const forwardOnly of [true, false]) yield perceptualWork(config, batch, forwardOnly);
    yield normWork(config, batch);
  }
  yield adamWork(config);
}
