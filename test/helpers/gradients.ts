import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import { expect } from 'vitest';
import { uploadParams } from '../../ts/models/host-params.js';
import type { HostParams, Network } from '../../ts/models/network.js';
import { randomTensor, type resultsOn } from './parity.js';

type HostTensors = Awaited<ReturnType<typeof resultsOn>>;

/**
 * A network's output on x, and the gradients of the sum of output * weights: output, d/dx, and
 * d/dparameter in the network's order, by name.
 * @param weights left out: random
 */
export function outputAndGradients(
  network: Network,
  params: HostParams,
  x: Tensor4D,
  weights?: Tensor,
): Record<string, Tensor> {
  const names = network.params.map(({ name }) => name);
  const uploaded = uploadParams(params);
  const apply = (tensors: readonly Tensor[], at: Tensor) =>
    network.apply(Object.fromEntries(names.map((name, i) => [name, tensors[i]!])), at as Tensor4D);
  const tensors = names.map((name) => uploaded[name]!);
  const output = apply(tensors, x);
  const factors = weights ?? randomTensor(output.shape, 99);
  const grads = tf.grads((at: Tensor, ...rest: Tensor[]) => tf.sum(tf.mul(apply(rest, at), factors)));
  const [dx, ...rest] = grads([x, ...tensors]);
  return { output, dx: dx!, ...Object.fromEntries(names.map((name, i) => [`d/d ${name}`, rest[i]!])) };
}

/** Asserts |actual - expected| <= relative * the largest |expected|, tensor by tensor. */
export function expectCloseToScale(
  actual: HostTensors,
  expected: HostTensors,
  relative: number,
  names: readonly string[] = [],
): void {
  expect(actual).toHaveLength(expected.length);
  expected.forEach(({ shape, values }, t) => {
    const what = names[t] ?? `tensor ${t}`;
    expect(actual[t]!.shape, what).toEqual(shape);
    let scale = 0;
    let error = 0;
    for (let i = 0; i < values.length; i++) {
      scale = Math.max(scale, Math.abs(values[i]!));
      // NaN must fail.
      error = Math.max(error, Math.abs(actual[t]!.values[i]! - values[i]!));
    }
    expect(error, `${what}: largest error, the largest value being ${scale}`).toBeLessThanOrEqual(relative * scale);
  });
}

/** Weights around which networks are well conditioned: uniform, filters of the deviation that keeps a signal's size. */
export function testParams(network: Pick<Network<unknown>, 'params'>, seed: number): HostParams {
  return Object.fromEntries(
    network.params.map(({ name, shape }, i) => {
      const isFilter = shape.length === 4;
      const bound = isFilter ? Math.sqrt(3 / (shape[0]! * shape[1]! * shape[2]!)) : 0.3;
      const tensor = randomTensor([...shape], seed + i, { low: -bound, high: bound });
      const values = tensor.dataSync() as Float32Array;
      tensor.dispose();
      return [name, { shape, values }];
    }),
  );
}
