import type { TrainConfig } from '../ts/train/options.js';
import { race, type Comparison } from './comparison.js';
import { describeNetwork, networks, small, smallFeatureWidth } from './configs.js';
import { openEngines, type Engine } from './engines.js';
import { eventLoopNote } from './event-loop.js';
import { stepFlops } from './flops.js';
import type { MeasureOptions } from './measure.js';
import type { BenchOptions } from './options.js';
import { trainerContestant } from './trainers.js';

/** Training steps as a run makes them, from drawing a batch to reading the losses. */
export async function* benchStep(
  { batch, precision, engines: names, network }: BenchOptions,
  options: MeasureOptions,
): AsyncGenerator<Comparison> {
  const { engines, leftOut } = await openEngines(names, precision);
  const training = engines.filter(({ trains }) => trains);
  for (const batchSize of batch) {
    const config = { ...networks[network], batchSize };
    const flops = stepFlops(config);
    const native = training.find(({ name }) => name === 'native');
    yield {
      title: `Training step, ${network} network, batch ${batchSize}`,
      detail: `${describeNetwork(config)}, ${(flops / 1e9).toFixed(1)} GFLOP`,
      // tfjs's cpu backend would take many minutes a step.
      timings: await race(
        training
          .filter(({ name }) => name !== 'cpu')
          .flatMap((engine) => [
            trainerContestant(engine, config, { flops }),
            ...(engine.name === 'native' ? [uncaptured(engine, config, flops)] : []),
          ]),
        options,
      ),
      notes: [featuresNote, ...(native ? [await eventLoopNote(trainerContestant(native, config))] : []), ...leftOut],
    };
  }
  if (!training.some(({ name }) => name === 'cpu')) return;
  yield {
    title: 'Training step, a small network, batch 1',
    detail: describeNetwork(small),
    timings: await race(
      training.map((engine) => trainerContestant(engine, small, { featureWidth: smallFeatureWidth })),
      options,
    ),
    notes: leftOut,
  };
}

/** The same steps, each kernel called from JavaScript: what recording and replaying is worth. */
const uncaptured = (engine: Engine, config: TrainConfig, flops: number) =>
  trainerContestant(engine, { ...config, capture: false }, { name: `${engine.title}, no capture`, flops });

/** What a reader must know of every figure of a step. */
export const featuresNote =
  'Features of real images are computed once a run, as training does; their operations are counted all the same.';
