import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { useEngine } from '../../ts/backend/engine.js';
import { UserError } from '../../ts/base/errors.js';
import { initialParams } from '../../ts/models/network.js';
import { uploadParams } from '../../ts/models/host-params.js';
import { imagenet, vgg19Convs, vgg19Features } from '../../ts/models/vgg19.js';
import { expectParity, randomTensor } from '../helpers/parity.js';

const tolerance = { absolute: 1e-4, relative: 1e-4 };

describe('vgg19Features', () => {
  test('has the sixteen convolutions of VGG19', () => {
    const convs = vgg19Convs({ width: 1, channels: 3 });
    expect(convs.map(({ outputs }) => outputs)).toEqual([
      ...[64, 64, 128, 128, 256, 256, 256, 256],
      ...[512, 512, 512, 512, 512, 512, 512, 512],
    ]);
    const weights = convs.reduce((sum, { inputs, outputs }) => sum + 9 * inputs * outputs + outputs, 0);
    expect(weights).toBe(20_024_384);
    expect(convs.filter(({ pooled }) => pooled).map(({ name }) => name)).toEqual([
      'conv2_1',
      'conv3_1',
      'conv4_1',
      'conv5_1',
    ]);
  });

  test.each([
    [1, 1, ['relu5_4'], undefined],
    [1, 3, ['relu3_1', 'conv5_4'], imagenet],
    [3, 3, ['relu1_1', 'conv2_2', 'relu2_2'], imagenet],
    [3, 1, ['conv1_1', 'relu4_4'], undefined],
  ] as const)(
    'of %d channels with weights for %d, %j: native is tfjs, forward and backward',
    async (image, channels, layers, normalise) => {
      const network = vgg19Features({ width: 1 / 16, layers, channels, normalise });
      const host = initialParams(network, 5);
      await expectParity(() => {
        const params = uploadParams(host);
        const x = randomTensor<tf.Rank.R4>([2, 16, 16, image], 6);
        const loss = (input: Tensor) =>
          tf.addN(
            network.apply(params, input as Tensor4D).map((y, i) => tf.mean(tf.mul(y, randomTensor(y.shape, 7 + i)))),
          );
        return [...network.apply(params, x), tf.mul(tf.grad(loss)(x), 100)];
      }, tolerance);
    },
  );

  describe('on the native engine', () => {
    beforeAll(() => useEngine('native'));

    test('gives the layers in the order asked for, and has no parameter beyond the last', () => {
      const network = vgg19Features({ width: 1 / 16, layers: ['relu3_1', 'conv1_2'], channels: 3 });
      expect(network.params.map(({ name }) => name).at(-1)).toBe('conv3_1.bias');
      tf.tidy(() => {
        const outputs = network.apply(uploadParams(initialParams(network, 1)), tf.zeros([1, 16, 20, 3]));
        expect(outputs.map(({ shape }) => shape)).toEqual([
          [1, 4, 5, 16],
          [1, 16, 20, 4],
        ]);
      });
    });

    test('a conv layer is its relu layer before the activation, with and without gradients', () => {
      const network = vgg19Features({ width: 1 / 16, layers: ['conv2_1', 'relu2_1', 'relu2_2'], channels: 1 });
      tf.tidy(() => {
        const params = uploadParams(initialParams(network, 2));
        const [conv, relu] = network.apply(params, randomTensor([1, 16, 16, 1], 3));
        expect(tf.min(conv!).dataSync()[0]).toBeLessThan(0);
        expect(tf.max(tf.abs(tf.sub(tf.relu(conv!), relu!))).dataSync()[0]).toBe(0);
      });
    });

    test('normalises as ImageNet networks want', () => {
      const network = vgg19Features({ width: 1 / 64, layers: ['conv1_1'], channels: 3, normalise: imagenet });
      tf.tidy(() => {
        // Passes the middle pixel of the red channel on.
        const filter = new Float32Array(27);
        filter[12] = 1;
        const params = uploadParams({
          'conv1_1.filter': { shape: [3, 3, 3, 1], values: filter },
          'conv1_1.bias': { shape: [1], values: new Float32Array(1) },
        });
        const [y] = network.apply(params, tf.fill([1, 1, 1, 1], 0.5));
        expect(y!.dataSync()[0]).toBeCloseTo((0.75 - 0.485) / 0.229, 5);
      });
    });
  });

  test.each([
    [{ layers: ['relu6_1'] }, /conv1_1, relu1_1, \.\.\. or relu5_4.*'relu6_1'/],
    [{ layers: ['pool1'] }, /'pool1'/],
    [{ layers: [] }, /at least one layer/],
    [{ width: 0 }, /width of VGG19/],
    [{ width: NaN }, /width of VGG19/],
  ])('refuses %j', (wrong, message) => {
    const make = () => vgg19Features({ width: 1, layers: ['relu5_4'], channels: 3, ...wrong });
    expect(make).toThrow(UserError);
    expect(make).toThrow(message);
  });
});
