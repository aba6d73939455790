import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { useEngine } from '../../ts/backend/engine.js';
import { UserError } from '../../ts/base/errors.js';
import { makeGenerator, type GeneratorConfig } from '../../ts/models/generator.js';
import { uploadParams } from '../../ts/models/host-params.js';
import { initialParams } from '../../ts/models/network.js';
import { expectCloseToScale, outputAndGradients, testParams } from '../helpers/gradients.js';
import { randomTensor, resultsOn } from '../helpers/parity.js';

const small: GeneratorConfig = {
  generator: 'ecyclegan',
  channels: 1,
  baseWidth: 2,
  resBlocks: 2,
  blocks: 2,
  denseBlocks: 2,
  subBlocks: 3,
  growth: 3,
  trunkNorm: 'instance',
  residualScale: 0.5,
};

describe.each([
  [{ generator: 'cyclegan' }, [1, 20, 28]],
  [{ generator: 'cyclegan', channels: 3, resBlocks: 1 }, [2, 28, 20]],
  [{ trunkNorm: 'instance' }, [2, 20, 28]],
  [{ trunkNorm: 'none' }, [2, 20, 28]],
  [{ blocks: 1, keepLight: true }, [2, 20, 28]],
  [{ trunkNorm: 'none', channels: 3, blocks: 1, denseBlocks: 3, subBlocks: 5, residualScale: 0.2 }, [1, 28, 20]],
] as const)('the generator with %j on %j', (settings, [n, height, width]) => {
  test('gives the images and the gradients of tfjs', async () => {
    const config = { ...small, ...settings };
    const network = makeGenerator(config);
    await useEngine('native');
    const params = testParams(network, 1);
    const compute = () => outputAndGradients(network, params, randomTensor([n, height, width, config.channels], 50));
    const expected = await resultsOn('cpu', compute);
    const names = ['output', 'dx', ...network.params.map(({ name }) => name)];
    // Single precision leaves about 3e-6 here; kernels may sum in another order.
    expectCloseToScale(await resultsOn('native', compute), expected, 5e-5, names);
  });
});

describe('on the native engine', () => {
  beforeAll(() => useEngine('native'));

  /** Biases of the encoder and decoder that a norm removes; the peer in PyTorch has them. */
  const deadBiases = 64 + 128 + 256 + 128 + 64;

  test.each([
    [{ generator: 'cyclegan', resBlocks: 6 }, 7_837_699 - deadBiases - 6 * 2 * 256],
    [{ generator: 'cyclegan', resBlocks: 9 }, 11_378_179 - deadBiases - 9 * 2 * 256],
    [{ blocks: 2, denseBlocks: 3, subBlocks: 5, trunkNorm: 'none' }, 8_168_707 - deadBiases],
  ] as const)('has the weights of the published network: %j', (settings, count) => {
    const { params } = makeGenerator({ ...small, channels: 3, baseWidth: 64, growth: 32, ...settings });
    expect(params.reduce((sum, { shape }) => sum + tf.util.sizeFromShape([...shape]), 0)).toBe(count);
  });

  test('keepLight gives a translation the light of its source; without it brightness has no effect', () => {
    const weights = initialParams(makeGenerator(small), 4);
    tf.tidy(() => {
      const params = uploadParams(weights);
      const x = randomTensor<tf.Rank.R4>([1, 16, 16, 1], 5, { low: -0.5, high: 0.5 });
      const dark: Tensor4D = tf.sub(tf.mul(x, 0.5), 0.4);
      const difference = (keepLight: boolean): number => {
        const { apply } = makeGenerator({ ...small, keepLight });
        const given = apply(params, dark);
        const wanted = keepLight ? tf.sub(tf.mul(apply(params, x), 0.5), 0.4) : apply(params, x);
        return tf.max(tf.abs(tf.sub(given, wanted))).dataSync()[0]!;
      };
      // What is left are the eps of norms and deviations.
      expect(difference(true)).toBeLessThan(1e-3);
      expect(difference(false)).toBeLessThan(1e-3);
      const [lit, plain] = [true, false].map(
        (keepLight) => tf.mean(makeGenerator({ ...small, keepLight }).apply(params, dark)).dataSync()[0]!,
      );
      expect(Math.abs(lit! - plain!)).toBeGreaterThan(0.1);
    });
  });

  test('names its parameters in a stable order', () => {
    const names = (settings: Partial<GeneratorConfig>) =>
      makeGenerator({ ...small, ...settings }).params.map(({ name }) => name);
    const decoder = ['decoder.0.filter', 'decoder.1.filter', 'decoder.2.filter', 'decoder.2.bias'];
    expect(names({ generator: 'cyclegan' })).toEqual([
      ...['encoder.0.filter', 'encoder.1.filter', 'encoder.2.filter'],
      ...['trunk.0.conv1.filter', 'trunk.0.conv2.filter', 'trunk.1.conv1.filter', 'trunk.1.conv2.filter'],
      ...decoder,
    ]);
    expect(names({ trunkNorm: 'none', blocks: 1, denseBlocks: 2, subBlocks: 2 })).toEqual([
      ...['encoder.0.filter', 'encoder.1.filter', 'encoder.2.filter'],
      ...['trunk.0.dense1.conv1.filter', 'trunk.0.dense1.conv1.bias'],
      ...['trunk.0.dense1.conv2.filter', 'trunk.0.dense1.conv2.bias'],
      ...['trunk.0.dense2.conv1.filter', 'trunk.0.dense2.conv1.bias'],
      ...['trunk.0.dense2.conv2.filter', 'trunk.0.dense2.conv2.bias'],
      ...decoder,
    ]);
    expect(names({}).filter((name) => name.endsWith('.bias'))).toEqual(['decoder.2.bias']);
  });

  test('starts as published: N(0, 0.02), and a tenth of He et al. in dense blocks without norm', () => {
    const params = initialParams(makeGenerator({ ...small, baseWidth: 16, trunkNorm: 'none', growth: 32 }), 7);
    const deviation = (name: string) => {
      const { values } = params[name]!;
      return Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length);
    };
    expect(deviation('encoder.1.filter')).toBeCloseTo(0.02, 3);
    expect(deviation('decoder.0.filter')).toBeCloseTo(0.02, 3);
    expect(deviation('trunk.1.dense2.conv3.filter')).toBeCloseTo(0.1 * Math.sqrt(2 / (9 * 128)), 4);
    expect(deviation('trunk.0.dense1.conv1.bias')).toBe(0);
    expect(deviation('decoder.2.bias')).toBe(0);
  });

  test('gives each image of a batch what it gets alone', () => {
    tf.tidy(() => {
      const network = makeGenerator(small);
      const params = uploadParams(testParams(network, 2));
      const x = randomTensor<tf.Rank.R4>([3, 16, 12, 1], 3);
      const alone = tf.concat(tf.split(x, 3).map((one) => network.apply(params, one as Tensor4D)));
      expect(tf.max(tf.abs(tf.sub(network.apply(params, x), alone))).dataSync()[0]).toBeLessThan(1e-5);
    });
  });

  test('does without its trunk where the residual scale is 0', () => {
    tf.tidy(() => {
      const config: GeneratorConfig = { ...small, trunkNorm: 'none', residualScale: 0 };
      const network = makeGenerator(config);
      const host = testParams(network, 4);
      const x = randomTensor<tf.Rank.R4>([1, 12, 12, 1], 5);
      const other = testParams(network, 400);
      const swapped = Object.fromEntries(
        Object.entries(host).map(([name, value]) => [name, name.startsWith('trunk') ? other[name]! : value]),
      );
      const [y, z] = [host, swapped].map((params) => network.apply(uploadParams(params), x));
      expect(tf.max(tf.abs(tf.sub(y!, z!))).dataSync()[0]).toBe(0);
    });
  });

  test.each([
    [10, 12],
    [12, 4],
  ])('refuses images of %d x %d', (height, width) => {
    const network = makeGenerator(small);
    const run = () =>
      tf.tidy(() => network.apply(uploadParams(testParams(network, 1)), tf.zeros([1, height, width, 1])));
    expect(run).toThrow(UserError);
    expect(run).toThrow(/divisible by 4, at least 8 for the generator's images/);
  });
});
