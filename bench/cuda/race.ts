import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Precision } from '../../ts/backend/binding.js';
import { useEngine } from '../../ts/backend/engine.js';
import { UserError } from '../../ts/base/errors.js';
import type { TrainConfig } from '../../ts/train/options.js';
import type { Comparison } from '../comparison.js';
import { describeNetwork, networks, peerConfig, tiny } from '../configs.js';
import type { Engine } from '../engines.js';
import { stepFlops } from '../flops.js';
import { measure, type Contestant, type MeasureOptions } from '../measure.js';
import { gpuConfigurations } from '../peers/configurations.js';
import { fastestPeer } from '../peers/race.js';
import { featuresNote } from '../step.js';
import { trainerContestant } from '../trainers.js';
import { gpuEngine, type GpuDevice } from './device.js';

export const gpuNetworks = { ...networks, tiny } as const;
export type GpuNetwork = keyof typeof gpuNetworks;

export interface GpuRaceOptions {
  readonly device: GpuDevice;
  readonly batch: readonly number[];
  readonly precision: readonly Precision[];
  readonly network: GpuNetwork;
  /** A Python interpreter that has PyTorch, and a folder that holds ecyclegan_torch.py: without, ours run alone. */
  readonly python?: string;
  readonly peer?: string;
  readonly configurations?: readonly string[];
}

/** Times VGG19's channels, for the tiny network. */
const tinyFeatureWidth = 1 / 16;

/**
 * Training steps on a GPU in every precision, beside PyTorch's fastest configuration of each, in turns.
 * The native engine must be open on the device.
 * @throws UserError at once where only one of PyTorch and its peer is named
 */
export function benchGpu(options: GpuRaceOptions, measuring: MeasureOptions): AsyncGenerator<Comparison> {
  const { python, peer } = options;
  if ((python === undefined) !== (peer === undefined))
    throw new UserError('Expected both of --python and --peer, or neither.');
  if (peer !== undefined && !existsSync(join(resolve(peer), 'ecyclegan_torch.py')))
    throw new UserError(`${peer} holds no ecyclegan_torch.py.`);
  return race(options, measuring);
}

async function* race(options: GpuRaceOptions, measuring: MeasureOptions): AsyncGenerator<Comparison> {
  for (const batch of options.batch) {
    const config: TrainConfig = { ...gpuNetworks[options.network], batchSize: batch };
    // The tiny network's features are not those whose operations are counted.
    const flops = options.network === 'tiny' ? undefined : stepFlops(config);
    const contestants = options.precision.map((precision) => ours(options, config, precision, flops));
    const notes = [featuresNote];
    try {
      if (options.python === undefined)
        notes.push('PyTorch takes part with --python and --peer (npm run bench -- cuda --help).');
      else
        for (const precision of options.precision) {
          const { contestant, notes: said } = await theirs(options, config, precision, flops);
          notes.push(...said);
          if (contestant) contestants.push(contestant);
        }
      const timings = await measure(contestants, measuring);
      yield {
        title: `Training step on a GPU, ${options.network} network, batch ${batch}`,
        detail: `${describeNetwork(config)}${flops === undefined ? '' : `, ${(flops / 1e9).toFixed(1)} GFLOP`}`,
        ...{ images: 2 * batch, timings, notes },
      };
    } finally {
      for (const contestant of contestants) await contestant.dispose?.();
    }
  }
}

function ours({ network }: GpuRaceOptions, config: TrainConfig, precision: Precision, flops?: number): Contestant {
  const engine: Engine = {
    ...{ name: 'native', title: `native ${precision}`, precision, trains: true },
    use: () => useEngine(gpuEngine, precision),
  };
  return trainerContestant(engine, config, {
    ...(flops === undefined ? {} : { flops }),
    // A CPU that plays a GPU takes seconds a step.
    ...(network === 'tiny' ? { featureWidth: tinyFeatureWidth, warmUps: 1 } : {}),
  });
}

/** PyTorch's fastest configuration of a precision, if any works. */
async function theirs(options: GpuRaceOptions, config: TrainConfig, precision: Precision, flops?: number) {
  const { device, python, peer, configurations, network } = options;
  const { fastest, notes } = await fastestPeer(
    {
      ...{ name: `PyTorch ${precision}`, precision },
      ...(flops === undefined ? {} : { flops }),
      settings: {
        ...{ task: 'step', peer: resolve(peer!), batch: config.batchSize, size: config.size, threads: 1 },
        network: { ...peerConfig(config), ...(network === 'tiny' ? { vgg_width_div: 1 / tinyFeatureWidth } : {}) },
        device: device === 'cuda' ? 'cuda' : 'cpu',
        ...{ bfloat16: precision === 'bfloat16', tf32: precision !== 'float32' },
      },
      configurations: gpuConfigurations.filter(({ id }) => configurations?.includes(id) ?? true),
    },
    { python: python!, say: (text) => console.error(text) },
  );
  return { contestant: fastest?.contestant, notes };
}
