import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Precision } from '../ts/backend/binding.js';
import type { TrainConfig } from '../ts/train/options.js';

/** What memory-child.ts is told. */
export interface MemoryTask {
  readonly config: TrainConfig;
  readonly precision: Precision;
  readonly steps: number;
}

/** What it answers. */
export interface MemoryUse {
  /** The most that the process held, Node and all. */
  readonly peakMiB: number;
  /** The most that tensors took on the native backend, by tf.memory(). */
  readonly tensorsMiB: number;
}

/** Enough for every buffer to be met again. */
const steps = 12;

/** The memory that native training takes, in a process that does nothing else. */
export async function memoryOf(config: TrainConfig, precision: Precision): Promise<MemoryUse> {
  const task: MemoryTask = { config, precision, steps };
  const child = fork(fileURLToPath(new URL('./memory-child.ts', import.meta.url)), [JSON.stringify(task)]);
  let answer: MemoryUse | undefined;
  child.on('message', (message: MemoryUse) => {
    answer = message;
  });
  const code = await new Promise((resolve) => child.on('exit', resolve));
  if (!answer) throw new Error(`The process that measures memory ended with ${String(code)} and no answer.`);
  return answer;
}
