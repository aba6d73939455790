import * as tf from '@tensorflow/tfjs-core';
import type { Tensor } from '@tensorflow/tfjs-core';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { Philox } from '../../ts/base/random.js';
import { uploadParams } from '../../ts/models/host-params.js';
import type { HostParams, Network } from '../../ts/models/network.js';
import { exportOnnx, type ExportOptions } from '../../ts/onnx/export.js';
import { randomTensor } from './parity.js';

/** Weights that are not small, so that outputs are not all near 0; biases are not 0. */
export function weightsOf(network: Pick<Network<unknown>, 'params'>): HostParams {
  const random = new Philox(7);
  return Object.fromEntries(
    network.params.map(({ name, shape }) => {
      const size = shape.reduce((a, b) => a * b, 1);
      const fanIn = shape.length < 2 ? 25 : size / Math.max(shape.at(-1)!, 1);
      return [name, { shape, values: Float32Array.from({ length: size }, () => random.normal() / Math.sqrt(fanIn)) }];
    }),
  );
}

interface Result {
  shape: readonly number[];
  values: Float32Array;
}

/** A network's outputs by tfjs's current backend, images as NCHW. */
export function runTfjs(network: Network<Tensor | Tensor[]>, weights: HostParams, shape: number[], seed = 3): Result[] {
  return tf.tidy(() => {
    const result = network.apply(uploadParams(weights), randomTensor<tf.Rank.R4>(shape, seed));
    return (Array.isArray(result) ? result : [result]).map((tensor) => {
      const y = tensor.shape.length === 4 ? tf.transpose(tensor, [0, 3, 1, 2]) : tensor;
      return { shape: y.shape, values: y.dataSync<'float32'>() };
    });
  });
}

/** A model's outputs by onnxruntime for the same input as {@link runTfjs}'s. */
export async function runOnnx(model: Uint8Array, shape: number[], seed = 3): Promise<Result[]> {
  const session = await InferenceSession.create(model, { intraOpNumThreads: 1, logSeverityLevel: 3 });
  const x = tf.tidy(() => tf.transpose(randomTensor(shape, seed), [0, 3, 1, 2]));
  const input = new OrtTensor('float32', x.dataSync<'float32'>(), x.shape);
  x.dispose();
  const outputs = await session.run({ input });
  const results = session.outputNames.map((name) => ({
    shape: outputs[name]!.dims,
    values: outputs[name]!.data as Float32Array,
  }));
  await session.release();
  return results;
}

export interface OnnxDifference {
  /** Of any output value, ONNX against tfjs. */
  largest: number;
  model: Uint8Array;
}

/** Exports a network and runs it with onnxruntime and with tfjs at each of the shapes (NHWC). */
export async function compareWithOnnx(
  network: Network<Tensor | Tensor[]>,
  weights: HostParams,
  shapes: readonly number[][],
  options: Partial<ExportOptions> = {},
): Promise<OnnxDifference> {
  const model = await exportOnnx(network, weights, { channels: shapes[0]![3] as 1 | 3, ...options });
  let largest = 0;
  for (const shape of shapes) {
    const expected = runTfjs(network, weights, shape);
    const actual = await runOnnx(model, shape);
    if (actual.length !== expected.length) throw new Error(`${actual.length} outputs, expected ${expected.length}.`);
    expected.forEach((output, i) => {
      const found = actual[i]!;
      if (found.shape.join() !== output.shape.join())
        throw new Error(`Output ${i} has shape [${found.shape.join()}], expected [${output.shape.join()}].`);
      output.values.forEach((value, at) => {
        const difference = Math.abs(found.values[at]! - value);
        // NaN counts as far off.
        if (!(difference <= largest)) largest = Number.isNaN(difference) ? Infinity : difference;
      });
    });
  }
  return { largest, model };
}
