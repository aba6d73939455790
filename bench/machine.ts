import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D } from '@tensorflow/tfjs-core';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { precisions, type Precision } from '../ts/backend/binding.js';
import { useEngine } from '../ts/backend/engine.js';
import type { NativeBackend } from '../ts/backend/native-backend.js';

/** What the figures were measured on. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly node: string;
  readonly isa: string;
  readonly threads: number;
  /** GFLOP/s of a large matrix product of the native backend, in each precision that it has. */
  readonly peakGflops: Readonly<Partial<Record<Precision, number>>>;
  /** Processes that wanted a core in the minute before. */
  readonly load: number;
  /** The GPU that native kernels ran on, and where its peaks are from. */
  readonly device?: string;
  readonly peakSource?: string;
}

/** Names the machine and measures the most that its cores give the native backend. */
export async function describeMachine(): Promise<Machine> {
  const [load] = loadavg();
  const peakGflops: Partial<Record<Precision, number>> = {};
  await useEngine('native');
  const { isa, threads, precisions: supported } = tf.backend() as NativeBackend;
  for (const precision of precisions) {
    if (!supported.includes(precision)) continue;
    await useEngine('native', precision);
    peakGflops[precision] = measureProduct();
  }
  await useEngine('native');
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    ...{ isa, threads, peakGflops },
    load: load!,
  };
}

/** Others may use the machine for a part of this. */
const peakMs = 1000;

function measureProduct(): number {
  const n = 1536;
  const a: Tensor2D = tf.ones([n, n]);
  const b: Tensor2D = tf.ones([n, n]);
  const rate = measurePeak(2 * n ** 3, () => tf.matMul(a, b).dispose());
  tf.dispose([a, b]);
  return rate;
}

/** GFLOP/s of the fastest run of something of so many operations. */
export function measurePeak(flops: number, run: () => void): number {
  let best = Infinity;
  const end = performance.now() + peakMs;
  while (performance.now() < end) {
    const start = performance.now();
    run();
    best = Math.min(best, performance.now() - start);
  }
  return flops / best / 1e6;
}

export function machineLine(m: Machine): string {
  const peaks = Object.entries(m.peakGflops)
    .map(([precision, rate]) => `${rate.toFixed(0)} GFLOP/s in ${precision}`)
    .join(', ');
  const host = `${m.processor}, ${m.cores} cores, ${m.memoryGiB} GiB; Node ${m.node}`;
  return m.device === undefined
    ? `${host}; native kernels ${m.isa}, ${m.threads} threads; a large matrix product: ${peaks}`
    : `${m.device}; ${host}; peaks by ${m.peakSource}: ${peaks}`;
}

/** Says so where others use the machine: figures taken then are off, and not by the same for all. */
export const loadWarning = ({ load, cores }: Machine): string | undefined =>
  load > 0.3 * cores
    ? `The machine was busy in the last minute (load ${load.toFixed(1)} on ${cores} cores). If it still is, figures are off.`
    : undefined;
