import * as tf from '@tensorflow/tfjs-core';
import type { Precision } from '../../ts/backend/binding.js';
import type { Call } from '../../ts/backend/capture/recorder.js';
import type { NativeBackend } from '../../ts/backend/native-backend.js';
import type { TrainConfig } from '../../ts/train/options.js';
import { spread } from '../measure.js';
import { costOf } from './costs.js';
import { groupsOf, kindOf, kinds } from './kinds.js';
import { recordStep } from './record.js';
import { RepeatedCall } from './repeated.js';

/** What a step spends on some of its calls, one after the other. */
export interface Spent {
  readonly title: string;
  readonly calls: number;
  readonly milliseconds: number;
  /** Of products and sums of convolutions and matrices. */
  readonly flops: number;
  /** Read and written, as if nothing were in a cache. */
  readonly bytes: number;
}

/** All of some calls as one. */
export function together(title: string, of: readonly Spent[]): Spent {
  const sum = (field: 'calls' | 'milliseconds' | 'flops' | 'bytes') => of.reduce((all, spent) => all + spent[field], 0);
  return { title, calls: sum('calls'), milliseconds: sum('milliseconds'), flops: sum('flops'), bytes: sum('bytes') };
}

export interface StepProfile {
  readonly batch: number;
  readonly precision: Precision;
  readonly kinds: readonly Spent[];
  /** Calls of the same kernel on the same shapes, those that take longest first. */
  readonly shapes: readonly Spent[];
}

export interface ProfileOptions {
  readonly engine: 'native' | 'native-cuda';
  readonly precision: Precision;
  /** On each kernel and shapes. */
  readonly seconds: number;
}

/** Times every kernel call of a recorded training step alone, once for those of the same shapes. */
export async function profileStep(
  config: TrainConfig,
  { engine, precision, seconds }: ProfileOptions,
): Promise<StepProfile> {
  const calls = await recordStep(config, engine, precision);
  const backend = tf.backend() as NativeBackend;
  const shapes: (Spent & { kind: string })[] = [];
  for (const group of groupsOf(calls)) {
    const [call] = group as [Call];
    const { matrixFlops, bytes } = costOf(call);
    shapes.push({
      ...{ kind: kindOf(call.kernel), title: titleOf(call), calls: group.length },
      milliseconds: group.length * (await millisecondsOf(backend, call, seconds)),
      ...{ flops: group.length * matrixFlops, bytes: group.length * bytes },
    });
  }
  return {
    ...{ batch: config.batchSize, precision },
    kinds: kinds.map((title) =>
      together(
        title,
        shapes.filter(({ kind }) => kind === title),
      ),
    ),
    shapes: shapes.sort((a, b) => b.milliseconds - a.milliseconds),
  };
}

/** "Conv2D [1,48,48,64] [3,3,64,128] -> [1,24,24,128]"; of many operands the first. */
function titleOf({ kernel, inputs, outputs }: Call): string {
  const shapes = (operands: Call['inputs']) => {
    const shown = operands.slice(0, 3).map(({ dims }) => `[${dims.join()}]`);
    const more = operands.length - shown.length;
    return [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join(' ');
  };
  return `${kernel} ${shapes(inputs)} -> ${shapes(outputs)}`;
}

/** Of the longer of two plans, so that what starting one takes does not count. */
const planMs = 10;
const mostCalls = 100;
const leastRounds = 3;

/** Milliseconds of a call between others like it. */
async function millisecondsOf(backend: NativeBackend, call: Call, seconds: number): Promise<number> {
  const repeated = new RepeatedCall(backend, call);
  try {
    const once = repeated.times(1);
    await once(); // scratch, a graph
    const more = Math.min(mostCalls, Math.max(1, Math.ceil(planMs / (await once()))));
    const often = repeated.times(1 + more);
    await often();
    const times: number[] = [];
    const end = performance.now() + seconds * 1000;
    while (performance.now() < end || times.length < leastRounds) {
      const start = await once();
      times.push(((await often()) - start) / more);
    }
    return Math.max(0, spread(times).median);
  } finally {
    repeated.dispose();
  }
}
