import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'vitest';
import { deviceFromEnvironment } from '../../ts/backend/device.js';
import { useEngine, type EngineName } from '../../ts/backend/engine.js';
import { Philox } from '../../ts/base/random.js';

/** Whether the native backend runs on the CPU here, not on a GPU or what plays one (RAREFACE_DEVICE). */
export const onCpu = deviceFromEnvironment() === 'cpu';

/** Whether a CPU plays the GPU, thousands of times slower: tests of whole steps take smaller ones. */
export const emulated = deviceFromEnvironment() === 'cuda-emulated';

/** How far native results may be from tfjs's own: |difference| <= absolute + relative * |reference|. */
export interface Tolerance {
  absolute?: number;
  relative?: number;
}

/** A tensor of reproducible random values: uniform floats in [low, high), integers, or booleans. */
export function randomTensor<R extends tf.Rank = tf.Rank>(
  shape: number[],
  seed = 1,
  { low = -1, high = 1, dtype = 'float32' }: { low?: number; high?: number; dtype?: 'float32' | 'int32' | 'bool' } = {},
): tf.Tensor<R> {
  const random = new Philox(seed);
  const values = Float32Array.from({ length: tf.util.sizeFromShape(shape) }, () => {
    const x = low + (high - low) * random.uniform();
    if (dtype === 'bool') return x < (low + high) / 2 ? 0 : 1;
    return dtype === 'int32' ? Math.floor(x) : x;
  });
  return tf.tensor(values, shape as never, dtype);
}

interface HostTensor {
  shape: number[];
  dtype: string;
  values: ArrayLike<number>;
}

type Computation = () => tf.Tensor | tf.Tensor[] | tf.NamedTensorMap;

/** What `compute` gives on an engine, read back; its tensors are disposed. */
export async function resultsOn(engine: EngineName, compute: Computation): Promise<HostTensor[]> {
  await useEngine(engine);
  return resultsOf(compute);
}

/** The same on the engine that is in use. */
export function resultsOf(compute: Computation): HostTensor[] {
  const outputs = tf.tidy(compute);
  const tensors = outputs instanceof tf.Tensor ? [outputs] : Object.values(outputs);
  const read = tensors.map((t) => ({ shape: t.shape, dtype: t.dtype, values: t.dataSync() }));
  tf.dispose(outputs);
  return read;
}

/** Asserts that two results agree in shape, dtype and values; NaN equals NaN. */
export function expectClose(actual: HostTensor[], expected: HostTensor[], tolerance: Tolerance, what = ''): void {
  const { absolute = 0, relative = 0 } = tolerance;
  expect(actual.length, what).toBe(expected.length);
  actual.forEach((a, t) => {
    const e = expected[t]!;
    expect([a.shape, a.dtype], what).toEqual([e.shape, e.dtype]);
    let worst = { excess: 0, at: -1 };
    for (let i = 0; i < e.values.length; i++) {
      const x = a.values[i]!;
      const y = e.values[i]!;
      if (Object.is(x, y) || x === y) continue;
      const excess = Math.abs(x - y) - (absolute + relative * Math.abs(y));
      if (!(excess <= worst.excess)) worst = { excess: Number.isNaN(excess) ? Infinity : excess, at: i };
    }
    if (worst.at >= 0)
      expect.fail(
        `${what} output ${t} [${e.shape.join()}], element ${worst.at}: ${a.values[worst.at]} but tfjs gives ${e.values[worst.at]}`,
      );
  });
}

/**
 * Runs `compute` on tfjs's cpu backend and on the native one, and compares. Tensors must be made
 * inside it (see randomTensor).
 */
export async function expectParity(compute: Computation, tolerance: Tolerance, what = ''): Promise<void> {
  const expected = await resultsOn('cpu', compute);
  const actual = await resultsOn('native', compute);
  expectClose(actual, expected, tolerance, what);
}
