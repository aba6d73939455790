import * as tf from '@tensorflow/tfjs-core';
import type { Tensor1D, Tensor4D } from '@tensorflow/tfjs-core';
import { instanceNorm } from '../ops/instance-norm.js';
import { reflectPad } from '../ops/reflect-pad.js';
import { residualDenseBlock } from '../ops/residual-dense-block.js';
import { biasSpec, convolve, filterSpec, ganInit } from './layers.js';
import type { Init, Network } from './network.js';

/** The middle of a generator: [n, h, w, width] to the same shape, parameters `trunk.0...`, `trunk.1...` */
export type Trunk = Pick<Network, 'params' | 'apply'>;

/** CycleGAN's: residual blocks of two reflection-padded 3x3 convolutions, `trunk.<block>.conv1` and `conv2`. */
export function residualTrunk(width: number, blocks: number): Trunk {
  const names = Array.from({ length: blocks }, (_, block) => `trunk.${block}`);
  return {
    params: names.flatMap((block) =>
      ['conv1', 'conv2'].map((conv) => filterSpec(`${block}.${conv}`, [3, 3, width, width])),
    ),
    apply(params, x) {
      let y = x;
      for (const block of names) {
        const first = convolve(params, `${block}.conv1`, reflectPad(y, 1), 1, 0);
        const inner = reflectPad(instanceNorm(first, { activation: 'relu' }), 1);
        y = tf.add(y, instanceNorm(convolve(params, `${block}.conv2`, inner, 1, 0)));
      }
      return y;
    },
  };
}

export interface DenseTrunkConfig {
  readonly blocks: number;
  /** Dense blocks of a block. */
  readonly denseBlocks: number;
  /** Convolutions of a dense block. */
  readonly subBlocks: number;
  /** Channels that each convolution of a dense block but the last adds. */
  readonly growth: number;
  /** instance: ECycleGAN's RDNB (Zhang & Zhou 2020); none: ESRGAN's RRDB (Wang et al. 2018). */
  readonly trunkNorm: 'instance' | 'none';
  /** Scale of a dense block's and of a whole block's branch before it is added to the input. */
  readonly residualScale: number;
}

/**
 * ECycleGAN's: blocks of residual dense blocks in a row, each block `in + residualScale * chain(in)`.
 * Convolutions `trunk.<block>.dense<1...>.conv<1...>`, with biases where there is no norm.
 */
export function denseTrunk(width: number, config: DenseTrunkConfig): Trunk {
  const { growth, trunkNorm: norm, residualScale: alpha } = config;
  const convs = Array.from({ length: config.subBlocks }, (_, i) => ({
    name: `conv${i + 1}`,
    inputs: width + i * growth,
    outputs: i < config.subBlocks - 1 ? growth : width,
  }));
  const blocks = Array.from({ length: config.blocks }, (_, block) =>
    Array.from({ length: config.denseBlocks }, (_, dense) =>
      convs.map((conv) => ({ ...conv, name: `trunk.${block}.dense${dense + 1}.${conv.name}` })),
    ),
  );
  return {
    params: blocks.flat(2).flatMap(({ name, inputs, outputs }) => {
      const filter = filterSpec(name, [3, 3, inputs, outputs], norm === 'none' ? smallInit(inputs) : ganInit);
      return norm === 'none' ? [filter, biasSpec(name, outputs)] : [filter];
    }),
    apply(params, x) {
      let y = x;
      for (const block of blocks) {
        let chain = y;
        for (const dense of block) {
          const filters = dense.map(({ name }) => params[`${name}.filter`] as Tensor4D);
          const biases = norm === 'none' ? dense.map(({ name }) => params[`${name}.bias`] as Tensor1D) : undefined;
          chain = residualDenseBlock(chain, filters, biases, { norm, alpha });
        }
        y = tf.add(y, tf.mul(chain, alpha));
      }
      return y;
    },
  };
}

/** He et al. 2015, times 0.1: without a norm, residual branches start small (Wang et al. 2018). */
const smallInit = (inputs: number): Init => ({ kind: 'normal', std: 0.1 * Math.sqrt(2 / (9 * inputs)) });
