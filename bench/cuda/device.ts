import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D } from '@tensorflow/tfjs-core';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import type { Precision } from '../../ts/backend/binding.js';
import { useEngine } from '../../ts/backend/engine.js';
import type { NativeBackend } from '../../ts/backend/native-backend.js';
import { measurePeak, type Machine } from '../machine.js';
import { cardOf } from './card.js';

/** Devices that the bench takes: a GPU, or a CPU that plays one and shows that all of it works. */
export const gpuDevices = ['cuda', 'cuda-emulated'] as const;
export type GpuDevice = (typeof gpuDevices)[number];

export const gpuEngine = 'native-cuda';

/**
 * Opens the native engine on a GPU and tells what it is. Peaks are the data sheet's for cards that are
 * known, else those of a large product.
 * @throws UserError where there is no GPU
 */
export async function describeGpu(device: GpuDevice, precisions: readonly Precision[]): Promise<Machine> {
  const [load] = loadavg();
  if (device === 'cuda-emulated') process.env['RAREFACE_DEVICE'] = device;
  else delete process.env['RAREFACE_DEVICE'];
  await useEngine(gpuEngine);
  const { description } = tf.backend() as NativeBackend;
  const card = cardOf(description);
  const peakGflops: Partial<Record<Precision, number>> = {};
  for (const precision of precisions) {
    await useEngine(gpuEngine, precision);
    peakGflops[precision] = card ? card.matrix[precision] / 1e9 : measureProduct(device);
  }
  return {
    ...{ device: description, peakSource: card ? `the data sheet of ${card.name}` : 'a large matrix product' },
    processor: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    ...{ isa: '', threads: 1, peakGflops },
    load: load!,
  };
}

/** GFLOP/s of a matrix product that is large for the device. */
function measureProduct(device: GpuDevice): number {
  const n = device === 'cuda' ? 8192 : 32;
  const a: Tensor2D = tf.ones([n, n]);
  const b: Tensor2D = tf.ones([n, n]);
  const rate = measurePeak(2 * n ** 3, () => {
    const product = tf.matMul(a, b);
    // A GPU answers before it is done.
    tf.tidy(() => void tf.slice(product, [0, 0], [1, 1]).dataSync());
    product.dispose();
  });
  tf.dispose([a, b]);
  return rate;
}
