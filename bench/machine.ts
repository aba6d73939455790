import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D } from '@tensorflow/tfjs-core';
import { availableParallelism, cpus, totalmem } from 'node:os';
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
  /** Of a large matrix product of the native backend, float32. */
  readonly peakGflops: number;
}

/** Names the machine and measures the most that its cores give the native backend. */
export async function describeMachine(): Promise<Machine> {
  await useEngine('native');
  const { isa, threads } = tf.backend() as NativeBackend;
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    isa,
    threads,
    peakGflops: measurePeak(),
  };
}

function measurePeak(): number {
  const n = 1536;
  const a: Tensor2D = tf.ones([n, n]);
  const b: Tensor2D = tf.ones([n, n]);
  let best = Infinity;
  for (let i = 0; i < 12; i++) {
    const start = performance.now();
    tf.matMul(a, b).dispose();
    best = Math.min(best, performance.now() - start);
  }
  tf.dispose([a, b]);
  return (2 * n ** 3) / best / 1e6;
}

export const machineLine = (m: Machine): string =>
  `${m.processor}, ${m.cores} cores, ${m.memoryGiB} GiB; Node ${m.node}; native kernels ${m.isa}, ` +
  `${m.threads} threads, ${m.peakGflops.toFixed(0)} GFLOP/s in a large matrix product`;
