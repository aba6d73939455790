import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { useEngine } from '../../ts/backend/engine.js';
import { UserError } from '../../ts/base/errors.js';
import { makeDiscriminator } from '../../ts/models/discriminator.js';
import { uploadParams } from '../../ts/models/host-params.js';
import { expectCloseToScale, outputAndGradients, testParams } from '../helpers/gradients.js';
import { randomTensor, resultsOn } from '../helpers/parity.js';

describe.each([
  [2, [2, 20, 28], 1],
  [2, [1, 21, 19], 3],
  [3, [2, 32, 27], 3],
  [4, [2, 52, 60], 1],
] as const)(
  'the discriminator of %d layers on %j, %d channels',
  (discriminatorLayers, [n, height, width], channels) => {
    test('gives the logits and the gradients of tfjs', async () => {
      const network = makeDiscriminator({ channels, discriminatorWidth: 2, discriminatorLayers });
      await useEngine('native');
      const params = testParams(network, 1);
      const compute = () => outputAndGradients(network, params, randomTensor([n, height, width, channels], 50));
      const expected = await resultsOn('cpu', compute);
      const side = (pixels: number) => Math.floor(pixels / 2 ** discriminatorLayers) - 2;
      expect(expected[0]!.shape).toEqual([n, side(height), side(width), 1]);
      const names = ['output', 'dx', ...network.params.map(({ name }) => name)];
      expectCloseToScale(await resultsOn('native', compute), expected, 5e-5, names);
    });
  },
);

describe('on the native engine', () => {
  beforeAll(() => useEngine('native'));

  test('has the parameters of the published network, and biases only where no norm follows', () => {
    const { params } = makeDiscriminator({ channels: 3, discriminatorWidth: 64, discriminatorLayers: 3 });
    const count = params.reduce((sum, { shape }) => sum + tf.util.sizeFromShape([...shape]), 0);
    // The peer in PyTorch has biases before its norms too.
    expect(count).toBe(2_764_737 - (128 + 256 + 512));
    expect(params.map(({ name }) => name)).toEqual([
      ...['layers.0.filter', 'layers.0.bias', 'layers.1.filter', 'layers.2.filter', 'layers.3.filter'],
      ...['layers.4.filter', 'layers.4.bias'],
    ]);
    expect(params.map(({ shape }) => shape.at(-1))).toEqual([64, 64, 128, 256, 512, 1, 1]);
  });

  test('widens eightfold at most', () => {
    const { params } = makeDiscriminator({ channels: 1, discriminatorWidth: 4, discriminatorLayers: 4 });
    expect(params.filter(({ shape }) => shape.length === 4).map(({ shape }) => shape.at(-1))).toEqual([
      ...[4, 8, 16, 32, 32, 1],
    ]);
  });

  test('refuses images too small for its layers', () => {
    const network = makeDiscriminator({ channels: 1, discriminatorWidth: 1, discriminatorLayers: 3 });
    const run = () => tf.tidy(() => network.apply(uploadParams(testParams(network, 1)), tf.zeros([1, 24, 23, 1])));
    expect(run).toThrow(UserError);
    expect(run).toThrow(/at least 24 pixels a side for the images of a discriminator of 3 layers.*\[ 24, 23 \]/);
  });
});
