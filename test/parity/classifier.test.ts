import * as tf from '@tensorflow/tfjs-core';
import type { Tensor } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { useEngine } from '../../ts/backend/engine.js';
import { classifier } from '../../ts/models/classifier.js';
import {
  foldClassifier,
  plainClassifier,
  trainableClassifier,
  type ConvClassifier,
} from '../../ts/models/conv-classifier.js';
import { uploadParams } from '../../ts/models/host-params.js';
import { initialParams, type HostParams } from '../../ts/models/network.js';
import { vgg19Classifier } from '../../ts/models/vgg19.js';
import { expectParity, randomTensor } from '../helpers/parity.js';

const compact = classifier({ channels: 1, classes: 7, baseWidth: 2 });
const vgg = vgg19Classifier({ width: 1 / 32, channels: 1, classes: 3 });

/** Starting weights with scales and offsets that are not trivial. */
function weights(config: ConvClassifier): HostParams {
  const params = initialParams(trainableClassifier(config), 1);
  return Object.fromEntries(
    Object.entries(params).map(([name, { shape, values }]) => {
      if (name.endsWith('.filter')) return [name, { shape, values }];
      return [name, { shape, values: values.map((v, i) => v + 0.3 * Math.sin(i + name.length)) }];
    }),
  );
}

describe.each([
  ['compact', compact],
  ['VGG19', vgg],
])('the %s classifier', (_, config) => {
  const host = weights(config);
  const names = Object.keys(host);

  test('gives the logits and the gradients of tfjs', async () => {
    await expectParity(
      () => {
        const params = uploadParams(host);
        const x = randomTensor<tf.Rank.R4>([6, 16, 16, 1], 2);
        const targets = tf.softmax(randomTensor<tf.Rank.R2>([6, config.classes], 3, { low: -3, high: 3 }));
        const network = trainableClassifier(config);
        const loss = (...tensors: Tensor[]) => {
          const logits = network.apply(Object.fromEntries(names.map((name, i) => [name, tensors[i]!])), x);
          return tf.neg(tf.mean(tf.sum(tf.mul(targets, tf.logSoftmax(logits)), 1))) as tf.Scalar;
        };
        return [network.apply(params, x), ...tf.grads(loss)(names.map((name) => params[name]!))];
      },
      { absolute: 1e-4, relative: 1e-3 },
    );
  });

  describe('on the native engine', () => {
    beforeAll(() => useEngine('native'));

    test('is the same after batch normalisation is folded into its convolutions', () => {
      tf.tidy(() => {
        const network = trainableClassifier(config);
        const params = uploadParams(host);
        const x = randomTensor<tf.Rank.R4>([5, 32, 32, 1], 4);
        const moments = network.moments(params, x).map(({ mean, variance }) => ({
          mean: mean.dataSync() as Float32Array,
          variance: variance.dataSync() as Float32Array,
        }));
        expect(moments).toHaveLength(config.convs.length);
        const plain = plainClassifier(config);
        const folded = foldClassifier(config, host, moments);
        expect(Object.keys(folded)).toEqual(plain.params.map(({ name }) => name));
        const expected = network.apply(params, x);
        const actual = plain.apply(uploadParams(folded), x);
        // Logits are small at the start: compare with their spread.
        const spread = tf.sub(tf.max(expected), tf.min(expected)).dataSync()[0]!;
        expect(spread).toBeGreaterThan(1e-3);
        expect(tf.max(tf.abs(tf.sub(actual, expected))).dataSync()[0]).toBeLessThan(1e-4 * spread + 1e-6);
      });
    });

    test('drops what the mask says', () => {
      tf.tidy(() => {
        const network = trainableClassifier(config);
        const params = uploadParams(host);
        const nothing = tf.zeros<tf.Rank.R2>([2, config.convs.at(-1)!.outputs]);
        const logits = network.apply(params, tf.ones<tf.Rank.R4>([2, 16, 16, 1]), nothing);
        expect(Array.from(logits.dataSync().slice(0, config.classes))).toEqual(Array.from(host['head.bias']!.values));
      });
    });
  });
});

test('the compact classifier takes about 16 million multiplications for a face', () => {
  let side = 48;
  const multiplications = classifier({ channels: 1, classes: 7 }).convs.reduce((sum, { inputs, outputs, pooled }) => {
    if (pooled) side /= 2;
    return sum + side * side * 9 * inputs * outputs;
  }, 0);
  expect(multiplications / 1e6).toBeCloseTo(16, 0);
});
