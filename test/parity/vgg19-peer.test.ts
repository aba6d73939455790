import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { useEngine } from '../../ts/backend/engine.js';
import { checkParams, uploadParams } from '../../ts/models/host-params.js';
import { toOwnVgg19 } from '../../ts/models/vgg19-files.js';
import { imagenet, vgg19Features } from '../../ts/models/vgg19.js';
import { readWeights } from '../../ts/models/weights.js';

const file = fileURLToPath(new URL('../golden/vgg19.safetensors', import.meta.url));

test.each(['native', 'cpu'] as const)(
  "on %s, features and gradient are PyTorch's (golden/make_vgg19.py)",
  async (engine) => {
    await useEngine(engine);
    const { params: golden } = await readWeights(file);
    const under = (prefix: string) =>
      Object.fromEntries(
        Object.entries(golden).flatMap(([name, value]) =>
          name.startsWith(prefix) ? [[name.slice(prefix.length), value]] : [],
        ),
      );
    const features = under('features/');
    const layers = Object.keys(features);
    expect(layers).toHaveLength(5);
    const network = vgg19Features({ width: 1 / 64, layers, channels: 3, normalise: imagenet });
    const weights = checkParams(network, toOwnVgg19(under('weights/'), file).params, file);
    tf.tidy(() => {
      const params = uploadParams(weights);
      const { x, dx } = uploadParams({ x: golden['x']!, dx: golden['dx']! }) as { x: Tensor4D; dx: Tensor4D };
      const actual = network.apply(params, x);
      layers.forEach((layer, i) => {
        const wanted = features[layer]!;
        expect(actual[i]!.shape).toEqual(wanted.shape);
        const error = tf.max(tf.abs(tf.sub(actual[i]!, tf.tensor4d(wanted.values, actual[i]!.shape))));
        expect(error.dataSync()[0], layer).toBeLessThan(1e-5);
      });
      const loss = (input: tf.Tensor) =>
        tf.addN(network.apply(params, input as Tensor4D).map((f) => tf.mean(tf.square(f))));
      const error = tf.max(tf.abs(tf.sub(tf.grad(loss)(x), dx))).dataSync()[0]!;
      expect(error).toBeLessThan(1e-5 * tf.max(tf.abs(dx)).dataSync()[0]! + 1e-7);
    });
  },
);
