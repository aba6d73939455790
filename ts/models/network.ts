import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import { Philox } from '../base/random.js';

/** How a parameter starts: N(0, std), or one constant. */
export type Init =
  { readonly kind: 'normal'; readonly std: number } | { readonly kind: 'constant'; readonly value: number };

export interface ParamSpec {
  /** Unique within its network, e.g. `trunk.0.dense1.conv2.filter`. The order of specs is the order in files. */
  readonly name: string;
  /** Filters are HWIO; transposed-conv filters are [h, w, out, in] as tfjs takes them. */
  readonly shape: readonly number[];
  readonly init: Init;
}

/** Named weights on the current backend. */
export type Params = Readonly<Record<string, Tensor>>;

/** Named weights on the host, float32: what checkpoints, weight files and the exporter carry. */
export type HostParams = Readonly<Record<string, { readonly shape: readonly number[]; readonly values: Float32Array }>>;

/**
 * A network as a pure function of its parameters: NHWC float32 in, NHWC float32 out. The same
 * `apply` is trained on every engine and traced to ONNX.
 */
export interface Network<Output = Tensor4D> {
  readonly name: string;
  readonly params: readonly ParamSpec[];
  apply(params: Params, x: Tensor4D): Output;
}

/** Numbers in all parameters together. */
export function countWeights(params: readonly ParamSpec[]): number {
  return params.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
}

/** Draws a network's starting weights; the same seed gives the same weights on every engine. */
export function initialParams(network: Pick<Network<unknown>, 'params'>, seed: number, stream = 0): HostParams {
  const random = new Philox(seed, stream);
  return Object.fromEntries(
    network.params.map(({ name, shape, init }) => {
      const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
      if (init.kind === 'constant') values.fill(init.value);
      else for (let i = 0; i < values.length; i++) values[i] = init.std * random.normal();
      return [name, { shape, values }];
    }),
  );
}
