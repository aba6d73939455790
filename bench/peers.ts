import * as tf from '@tensorflow/tfjs-core';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { NativeBackend } from '../ts/backend/native-backend.js';
import { UserError } from '../ts/base/errors.js';
import type { TrainConfig } from '../ts/train/options.js';
import type { Comparison } from './comparison.js';
import { describeNetwork, networks, peerConfig } from './configs.js';
import { openEngines, type Engine } from './engines.js';
import { facesJob, facesMade, generateScript } from './faces.js';
import { stepFlops } from './flops.js';
import { inFolder, onnxContestant, writeExport } from './generation.js';
import { memoryOf } from './memory.js';
import { measure, type Contestant, type MeasureOptions } from './measure.js';
import type { BenchOptions } from './options.js';
import { configurationsOf, type Configuration } from './peers/configurations.js';
import { fastestPeer, type Interpreter, type Peer, type PeerTask } from './peers/race.js';
import type { TorchSettings } from './peers/torch-process.js';
import { featuresNote } from './step.js';
import { trainerContestant } from './trainers.js';
import { contestantOf, generatorWork, perceptualWork, trunkWork, type Work } from './works.js';

export const peerTasks = ['step', 'trunk', 'vgg', 'infer', 'faces'] as const;
export type PeerTaskName = (typeof peerTasks)[number];

export interface PeersOptions extends Pick<BenchOptions, 'batch' | 'precision' | 'network'> {
  /** A Python interpreter that has PyTorch. */
  readonly python?: string;
  /** A folder that holds ecyclegan_torch.py. */
  readonly peer?: string;
  /** Configurations that are tried; default: all. */
  readonly configurations?: readonly string[];
}

/** Everything that a race against PyTorch needs to know. */
interface Setting {
  readonly config: TrainConfig;
  readonly batch: number;
  readonly engine: Engine;
  readonly interpreter: Interpreter;
  readonly options: MeasureOptions;
  /** Of torch_peer.py, but for the task. */
  readonly torch: Omit<TorchSettings, 'task'>;
  configurations(task: TorchSettings['task'], normed?: boolean): Configuration[];
}

const missing =
  'Racing PyTorch needs --python (an interpreter with PyTorch: python3 -m venv torch && ' +
  'torch/bin/pip install torch, then --python torch/bin/python; for task infer also onnx, onnxscript and onnxruntime, for faces opencv-python-headless) and ' +
  '--peer (a folder with ecyclegan_torch.py, the same networks and step in PyTorch; it is no part of this repository).';

/**
 * The same work in PyTorch beside ours, each in turn: its fastest configuration of the same precision.
 * @throws UserError at once where PyTorch or the peer is not named
 */
export function benchPeers(
  tasks: readonly PeerTaskName[],
  options: PeersOptions,
  measuring: MeasureOptions,
): AsyncGenerator<Comparison> {
  const { python, peer } = options;
  if (python === undefined || peer === undefined) throw new UserError(missing);
  const folder = resolve(peer);
  if (!existsSync(join(folder, 'ecyclegan_torch.py')))
    throw new UserError(`${peer} holds no ecyclegan_torch.py. ${missing}`);
  return raceAll(tasks, options, python, folder, measuring);
}

async function* raceAll(
  tasks: readonly PeerTaskName[],
  options: PeersOptions,
  python: string,
  folder: string,
  measuring: MeasureOptions,
): AsyncGenerator<Comparison> {
  const { engines, leftOut } = await openEngines(['native'], options.precision);
  const say = (text: string) => console.error(text);
  for (const text of leftOut) say(text);
  const { threads } = tf.backend() as NativeBackend;
  for (const batch of options.batch)
    for (const engine of engines)
      for (const task of tasks) {
        const config: TrainConfig = { ...networks[options.network], batchSize: batch };
        yield* races[task]({
          ...{ config, batch, engine, options: measuring, interpreter: { python, say } },
          torch: {
            ...{ peer: folder, batch, threads, size: config.size, network: peerConfig(config) },
            bfloat16: engine.precision === 'bfloat16',
          },
          configurations: (name, normed) =>
            configurationsOf(name, normed).filter(({ id }) => options.configurations?.includes(id) ?? true),
        });
      }
}

const races: Readonly<Record<PeerTaskName, (setting: Setting) => AsyncIterable<Comparison>>> = {
  async *step(setting) {
    const { config, batch, engine } = setting;
    const flops = stepFlops(config);
    // Before PyTorch's processes are there: the machine has no memory to waste.
    const { peakMiB, tensorsMiB } = await memoryOf(config, engine.precision);
    const compared = await raceOf(
      setting,
      {
        title: `Training step, batch ${batch}`,
        detail: `${describeNetwork(config)}, ${(flops / 1e9).toFixed(1)} GFLOP`,
      },
      [trainerContestant(engine, config, { flops })],
      [peerTask(setting, 'step', flops)],
      { memory: true },
    );
    const [own, ...others] = compared.timings;
    yield {
      ...compared,
      timings: [{ ...own!, peakMiB }, ...others],
      notes: [
        ...compared.notes,
        `Ours: ${featuresNote.charAt(0).toLowerCase()}${featuresNote.slice(1)}`,
        `Peak memory is that of a process that does nothing but steps; of ours, tensors took ${tensorsMiB.toFixed(0)} MiB.`,
      ],
    };
  },
  async *trunk(setting) {
    yield await raceWork(setting, trunkWork(setting.config, setting.batch), 'trunk');
  },
  async *vgg(setting) {
    yield await raceWork(setting, perceptualWork(setting.config, setting.batch), 'perceptual');
  },
  infer: (setting) =>
    inFolder(async function* (folder) {
      const { config, batch, engine, torch } = setting;
      const work = generatorWork(config, batch);
      const [ours, theirs] = [join(folder, 'ours.onnx'), join(folder, 'theirs.onnx')];
      await writeExport(config, ours);
      const own = [onnxContestant('onnxruntime', ours, config, batch, torch.threads), contestantOf(engine, work)];
      const tasks = [peerTask(setting, 'infer', work.flops!)];
      // The export computes in float32, whatever autocast is told.
      if (engine.precision === 'float32')
        tasks.push({
          ...tasks[0]!,
          name: "PyTorch's export",
          configurations: [{ id: 'onnxruntime', settings: { onnx: theirs } }],
        });
      yield await raceOf(setting, { title: work.title, detail: work.detail, images: batch }, own, tasks, {
        late: () =>
          existsSync(theirs)
            ? [onnxContestant("PyTorch's export, our runtime", theirs, config, batch, torch.threads)]
            : [],
      });
    }),
  faces: (setting) =>
    inFolder(async function* (folder) {
      const { config, batch, engine, interpreter } = setting;
      if (engine.precision !== 'float32') {
        interpreter.say(`Augmenting computes in float32: faces are not raced in ${engine.precision}.`);
        return;
      }
      const { flops, contestants, settings } = await facesJob(folder, config, batch);
      const title = `${facesMade} faces read, translated and written as PNG, batch ${batch}`;
      const task = peerTask(setting, 'generate', flops);
      yield await raceOf(setting, { title, detail: describeNetwork(config), images: facesMade }, contestants, [
        { ...task, settings: settings(task.settings), script: generateScript },
      ]);
    }),
};

function peerTask(
  { torch, engine, configurations, config }: Setting,
  task: TorchSettings['task'],
  flops: number,
): PeerTask {
  const normed = task !== 'trunk' || config.trunkNorm === 'instance';
  return {
    name: 'PyTorch',
    ...{ precision: engine.precision, flops },
    settings: { ...torch, task },
    configurations: configurations(task, normed),
  };
}

const raceWork = (setting: Setting, work: Work, task: TorchSettings['task']) =>
  raceOf(setting, work, [contestantOf(setting.engine, work)], [peerTask(setting, task, work.flops!)]);

/**
 * Finds the fastest configuration of each of PyTorch's tasks, then races them with ours.
 * @param late contestants that there are only after PyTorch's are
 * @param memory whether the memory of PyTorch's processes is told
 */
async function raceOf(
  { interpreter, options, torch, engine }: Setting,
  { title, detail, images }: Pick<Comparison, 'title' | 'detail' | 'images'>,
  own: readonly Contestant[],
  tasks: readonly PeerTask[],
  { late, memory = false }: { late?: () => Contestant[]; memory?: boolean } = {},
): Promise<Comparison & { notes: string[] }> {
  const peers: Peer[] = [];
  const contestants = [...own];
  const notes = [`${torch.threads} threads on both sides, in turns; ${engine.precision}.`];
  try {
    for (const task of tasks) {
      const { fastest, notes: found } = await fastestPeer(task, interpreter);
      notes.push(...found);
      if (!fastest) continue;
      peers.push(fastest);
      contestants.push(fastest.contestant);
    }
    contestants.push(...(late?.() ?? []));
    const timings = await measure(contestants, options);
    if (memory)
      for (const [i, peer] of peers.entries()) {
        const at = own.length + i;
        timings[at] = { ...timings[at]!, peakMiB: await peer.peakMiB() };
      }
    return { title, detail, ...(images === undefined ? {} : { images }), timings, notes };
  } finally {
    for (const contestant of contestants) await contestant.dispose?.();
  }
}
