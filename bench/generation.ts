import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeGenerator } from '../ts/models/generator.js';
import { initialParams } from '../ts/models/network.js';
import { exportOnnx } from '../ts/onnx/export.js';
import { openGenerator, type GeneratorSession } from '../ts/onnx/session.js';
import type { TrainConfig } from '../ts/train/options.js';
import { race, type Comparison } from './comparison.js';
import { networks } from './configs.js';
import { openEngines } from './engines.js';
import { generatorFlops } from './flops.js';
import type { Contestant, MeasureOptions } from './measure.js';
import type { BenchOptions } from './options.js';
import { contestantOf, generatorWork } from './works.js';

/** Work beyond this is too much for tfjs's cpu backend. */
const cpuBatch = 1;

/** A generator's forward pass: exported, in onnxruntime as augmenting runs it, and in tfjs's backends. */
export async function* benchGeneration(
  { batch, precision, engines: names, network }: BenchOptions,
  options: MeasureOptions,
): AsyncGenerator<Comparison> {
  const { engines, leftOut } = await openEngines(names, precision);
  const config = networks[network];
  yield* inFolder(async function* (folder) {
    const file = join(folder, 'generator.onnx');
    await writeExport(config, file);
    for (const size of batch) {
      const work = generatorWork(config, size);
      const racing = engines.filter(({ name }) => name !== 'cpu' || size <= cpuBatch);
      yield {
        title: work.title,
        detail: work.detail,
        images: size,
        timings: await race(
          [onnxContestant('onnxruntime', file, config, size), ...racing.map((engine) => contestantOf(engine, work))],
          options,
        ),
        notes: leftOut,
      };
    }
  });
}

/** Runs something with a folder that is gone afterwards. */
export async function* inFolder<Item>(run: (folder: string) => AsyncIterable<Item>): AsyncGenerator<Item> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-'));
  try {
    yield* run(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Exports a generator at its start. */
export async function writeExport(config: TrainConfig, file: string): Promise<void> {
  const network = makeGenerator(config);
  const { channels } = config;
  await writeFile(file, await exportOnnx(network, initialParams(network, 1), { channels }));
}

/**
 * An ONNX generator in onnxruntime, on a thread of its own as `augment` has it.
 * @param threads for one batch; default: one per core
 */
export function onnxContestant(
  name: string,
  file: string,
  config: TrainConfig,
  batch: number,
  threads?: number,
): Contestant {
  const { size, channels } = config;
  let session: GeneratorSession | undefined;
  return {
    name,
    flops: batch * generatorFlops(config, size),
    async enter() {
      session ??= await openGenerator(file, { engine: 'onnxruntime', provider: 'cpu', threads });
    },
    async run() {
      await session!.run(new Float32Array(batch * channels * size * size), batch, size);
    },
    async dispose() {
      await session?.close();
    },
  };
}
