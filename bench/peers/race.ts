import { messageOf } from '../../ts/base/errors.js';
import type { Precision } from '../../ts/backend/binding.js';
import { spread, type Contestant } from '../measure.js';
import { fastestOf, probeLines, type Configuration, type Probe } from './configurations.js';
import { TorchProcess, type TorchSettings } from './torch-process.js';

export interface Interpreter {
  /** A Python interpreter that has PyTorch. */
  readonly python: string;
  /** Told what is going on. */
  say(text: string): void;
}

export interface PeerTask {
  /** In tables, e.g. "PyTorch". */
  readonly name: string;
  readonly precision: Precision;
  readonly flops?: number;
  readonly settings: TorchSettings;
  /** What runs it. Default: torch_peer.py. */
  readonly script?: string;
  readonly configurations: readonly Configuration[];
}

/** A configuration that is ready to run. */
export interface Peer {
  readonly contestant: Contestant;
  /** The most memory that its process held so far. */
  peakMiB(): Promise<number>;
}

/** A trial goes on for as long as this, in milliseconds, within these numbers of runs. */
const trialMs = 4000;
const trialRuns = { least: 3, most: 15 };

/** Tries every configuration shortly and keeps the process of the fastest. @returns also what there is to report */
export async function fastestPeer(
  task: PeerTask,
  { python, say }: Interpreter,
): Promise<{ fastest?: Peer; notes: string[] }> {
  const probes: Probe[] = [];
  let best: { id: string; process: TorchProcess } | undefined;
  try {
    for (const { id, settings } of task.configurations) {
      say(`${task.name}: trying ${id} ...`);
      let process: TorchProcess | undefined;
      try {
        process = await TorchProcess.start(python, { ...task.settings, ...settings }, task.script);
        const probe = { id, ms: await trial(process), peakMiB: await process.peakMiB() };
        probes.push(probe);
        if (fastestOf(probes)?.id === id) {
          await best?.process.close();
          best = { id, process };
        } else {
          await process.close();
        }
      } catch (error) {
        await process?.close();
        probes.push({ id, error: messageOf(error) });
      }
    }
  } catch (error) {
    await best?.process.close();
    throw error;
  }
  const notes = [`${task.name}, trials:`, ...probeLines(probes).map((line) => `  ${line}`)];
  if (!best) return { notes: [...notes, `${task.name} is left out: no configuration works.`] };
  const { id, process } = best;
  return {
    notes: [...notes, `${task.name} takes part as ${id}, the fastest of the ${probes.length} that were tried.`],
    fastest: {
      contestant: {
        name: `${task.name} (${id})`,
        precision: task.precision,
        ...(task.flops === undefined ? {} : { flops: task.flops }),
        run: () => process.run(),
        dispose: () => process.close(),
      },
      peakMiB: () => process.peakMiB(),
    },
  };
}

/** Milliseconds of the fastest run: what disturbs a trial meets its configuration alone. */
async function trial(process: TorchProcess): Promise<number> {
  const times: number[] = [];
  // The run at its start compiled; this one may still find something new.
  await process.run();
  const end = performance.now() + trialMs;
  while (times.length < trialRuns.least || (times.length < trialRuns.most && performance.now() < end))
    times.push(await process.run());
  return spread(times).least;
}
