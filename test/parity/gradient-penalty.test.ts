import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { useEngine } from '../../ts/backend/engine.js';
import { makeDiscriminator } from '../../ts/models/discriminator.js';
import { initialParams, type Network } from '../../ts/models/network.js';
import { instanceNorm } from '../../ts/ops/instance-norm.js';
import { gradientPenalty } from '../../ts/train/losses.js';
import { randomTensor } from '../helpers/parity.js';

/** Critics of [n, 12, 12, 1]; each op in them needs a gradient of its gradient. */
const critics: Record<string, Network> = {
  'a convolution and leakyRelu': {
    name: 'plain',
    params: [
      { name: 'first', shape: [3, 3, 1, 3], init: { kind: 'normal', std: 0.3 } },
      { name: 'last', shape: [4, 4, 3, 1], init: { kind: 'normal', std: 0.3 } },
    ],
    apply: (params, x) =>
      tf.conv2d(tf.leakyRelu(tf.conv2d(x, params['first'] as Tensor4D, 2, 1), 0.2), params['last'] as Tensor4D, 1, 1),
  },
  'a convolution and instanceNorm': {
    name: 'normed',
    params: [
      { name: 'first', shape: [3, 3, 1, 3], init: { kind: 'normal', std: 0.3 } },
      { name: 'last', shape: [4, 4, 3, 1], init: { kind: 'normal', std: 0.3 } },
    ],
    apply: (params, x) =>
      tf.conv2d(
        instanceNorm(tf.conv2d(x, params['first'] as Tensor4D, 2, 1), { activation: 'leakyRelu' }),
        params['last'] as Tensor4D,
        1,
        1,
      ),
  },
  'the discriminator': makeDiscriminator({ channels: 1, discriminatorWidth: 2, discriminatorLayers: 2 }),
};

describe.each(['native', 'cpu'] as const)('gradientPenalty on %s', (engine) => {
  test.each(Object.keys(critics))('of %s has the slope in its weights that differences show', async (name) => {
    await useEngine(engine);
    const critic = critics[name]!;
    const host = initialParams(critic, 4);
    tf.tidy(() => {
      const x = randomTensor<tf.Rank.R4>([2, 12, 12, 1], 3);
      const all = critic.params.map((param) => param.name);
      // The last bias is added to the critic's value: it is no part of its slope.
      const names = all.filter((param, i) => i < all.length - 1 || !param.endsWith('.bias'));
      // Weights as they start are so small that the penalty hardly depends on them.
      const grow = name === 'the discriminator' ? 15 : 1;
      const last = tf.zeros([1]);
      const weights = names.map((param) => tf.mul(tf.tensor(host[param]!.values, [...host[param]!.shape]), grow));
      const penalty = (at: readonly Tensor[]) =>
        gradientPenalty((y) => critic.apply(Object.fromEntries(all.map((param, i) => [param, at[i] ?? last])), y), x);
      const { value, grads } = tf.valueAndGrads((...at: Tensor[]) => penalty(at))(weights);
      expect(value.dataSync()[0]!).toBeGreaterThan(0.01);
      for (const [i, param] of names.entries()) {
        const slope = tf.norm(grads[i]!).dataSync()[0]!;
        expect(slope, param).toBeGreaterThan(1e-3);
        // Along the gradient itself; short enough that no leakyRelu changes sides.
        const reach = 1e-3 / Math.max(1, slope);
        const direction = tf.mul(grads[i]!, reach / slope);
        const moved = (sign: number) =>
          penalty(weights.map((w, j) => (j === i ? tf.add(w, tf.mul(direction, sign)) : w))).dataSync()[0]!;
        const measured = (moved(1) - moved(-1)) / (2 * reach);
        expect(Math.abs(measured - slope) / slope, `${param}: ${measured}, not ${slope}`).toBeLessThan(0.02);
      }
    });
  });
});
