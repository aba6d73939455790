import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { useEngine } from '../../ts/backend/engine.js';
import { featureMetadata, loadFeatureNetwork } from '../../ts/models/feature-network.js';
import { uploadParams } from '../../ts/models/host-params.js';
import { initialParams, type HostParams } from '../../ts/models/network.js';
import { imagenet, vgg19Features } from '../../ts/models/vgg19.js';
import { readWeights, writeWeights } from '../../ts/models/weights.js';
import { randomTensor } from '../helpers/parity.js';
import { sharedFile } from '../helpers/shared.js';

let folder: string;
beforeAll(async () => {
  await useEngine('native');
  folder = await mkdtemp(join(tmpdir(), 'features-'));
});
afterAll(() => rm(folder, { recursive: true }));

const layers = ['conv1_2', 'relu2_1'];
const network = vgg19Features({ width: 1 / 16, layers, channels: 3, normalise: imagenet });
const own = initialParams(network, 3);

/** [h, w, in, out] to [out, in, h, w], or a bias as it is. */
function toOihw({ shape, values }: HostParams[string]): HostParams[string] {
  if (shape.length === 1) return { shape, values };
  return tf.tidy(() => {
    const t = tf.transpose(tf.tensor(values, [...shape]), [3, 2, 0, 1]);
    return { shape: t.shape, values: t.dataSync() as Float32Array };
  });
}

async function written(params: HostParams, metadata: Record<string, string> = {}): Promise<string> {
  const path = join(folder, 'features.safetensors');
  await writeWeights(path, params, metadata, 'float32');
  return path;
}

describe('loadFeatureNetwork', () => {
  test("reads this project's files, deeper ones too", async () => {
    const file = await written(
      { ...own, 'head.bias': { shape: [1], values: new Float32Array(1) } },
      featureMetadata({ width: 1 / 16, normalise: imagenet }),
    );
    const loaded = await loadFeatureNetwork(file, ['relu1_1']);
    expect(Object.keys(loaded.params)).toEqual(['conv1_1.filter', 'conv1_1.bias']);
    expect(loaded).toMatchObject({ width: 1 / 16, channels: 3, normalise: imagenet, layers: ['relu1_1'] });
    expect((await loadFeatureNetwork(file, layers)).params).toEqual(own);
  });

  test.each(['torchvision', 'conv1_1.weight'])("reads files in the manner of '%s'", async (manner) => {
    const places: Record<string, string> = { conv1_1: 'features.0', conv1_2: 'features.2', conv2_1: 'features.5' };
    const foreign = Object.fromEntries(
      Object.entries(own).map(([name, value]) => {
        const [conv, part] = name.split('.') as [string, string];
        return [`${manner === 'torchvision' ? places[conv] : conv}.${part.replace('filter', 'weight')}`, toOihw(value)];
      }),
    );
    const loaded = await loadFeatureNetwork(await written(foreign), layers);
    expect(loaded.params).toEqual(own);
    expect(loaded.normalise).toEqual(imagenet);
  });

  test('applies a leading conv0 as it stands', async () => {
    const file = sharedFile('models/vgg19_normalised_to_conv3_1.npz');
    if (!file) return;
    const loaded = await loadFeatureNetwork(file, ['conv1_1', 'relu3_1']);
    const { params } = await readWeights(file);
    tf.tidy(() => {
      const x = randomTensor<tf.Rank.R4>([2, 16, 16, 3], 4);
      const oihw = (name: string) => {
        const { shape, values } = params[`${name}.weight`]!;
        return tf.transpose(tf.tensor4d(values, shape as [number, number, number, number]), [2, 3, 1, 0]);
      };
      const bias = (name: string) => tf.tensor1d(params[`${name}.bias`]!.values);
      const conv = (y: Tensor4D, name: string, pad: number): Tensor4D =>
        tf.add(tf.conv2d(y, oihw(name), 1, pad), bias(name));
      let y = conv(tf.mul(tf.add(x, 1), 0.5), 'conv0', 0);
      const first = (y = conv(y, 'conv1_1', 1));
      y = tf.relu(conv(tf.relu(y), 'conv1_2', 1));
      y = tf.relu(conv(tf.maxPool(y, 2, 2, 'valid'), 'conv2_1', 1));
      y = tf.relu(conv(y, 'conv2_2', 1));
      y = tf.relu(conv(tf.maxPool(y, 2, 2, 'valid'), 'conv3_1', 1));
      const [actualFirst, actual] = loaded.network.apply(uploadParams(loaded.params), x);
      for (const [a, e] of [
        [actualFirst!, first],
        [actual!, y],
      ] as const)
        expect(tf.max(tf.abs(tf.sub(a, e))).dataSync()[0]).toBeLessThan(1e-4 * tf.max(tf.abs(e)).dataSync()[0]!);
    });
    await expect(loadFeatureNetwork(file)).rejects.toThrow(/vgg19_normalised.*it holds no conv3_2\.filter/);
  });

  test('has a default that ships: small, and alive in its last layer', async () => {
    const { network: shipped, params, file, metadata } = await loadFeatureNetwork('default');
    expect((await stat(file)).size).toBeLessThanOrEqual(12 * 2 ** 20);
    expect(metadata).toMatchObject({ width: '0.5', normalise: 'null', channels: '1' });
    const score = JSON.parse(metadata['score']!) as { crowd: number };
    expect(await readFile(file.replace('.safetensors', '.md'), 'utf8')).toContain(
      `${(100 * score.crowd).toFixed(1)} %`,
    );
    tf.tidy(() => {
      const weights = uploadParams(params);
      for (const channels of [1, 3]) {
        const [y] = shipped.apply(weights, randomTensor<tf.Rank.R4>([2, 48, 48, channels], 5));
        expect(y!.shape).toEqual([2, 3, 3, 256]);
        expect(tf.mean(y!).dataSync()[0]).toBeGreaterThan(1e-3);
      }
    });
  });

  test.each<[string, HostParams, Record<string, string>, RegExp]>([
    ['weights of something else', { x: { shape: [1], values: new Float32Array(1) } }, {}, /is no VGG19.*x/],
    ['a missing layer', { 'conv1_1.filter': own['conv1_1.filter']! }, {}, /it holds no conv1_1\.bias/],
    [
      'another width',
      own,
      featureMetadata({ width: 0.5, normalise: null }),
      /conv1_1\.filter has shape \[3, 3, 3, 4\], expected \[3, 3, 3, 32\]/,
    ],
    ['a width that is no number', own, { width: 'wide' }, /safetensors: its width is wide, expected a number above 0/],
    ['a width beyond all', own, { width: '5' }, /safetensors: its width is 5, expected a number above 0, at most 4\.$/],
    ['a broken normalisation', own, { normalise: '{"mean": 1}' }, /normalisation '\{"mean": 1\}'/],
    ['a normalisation for grey', own, { normalise: '{"mean": [0], "std": [1]}' }, /not for 3 channels/],
    [
      'batch normalisation',
      { 'features.0.weight': toOihw1(), 'features.1.running_mean': toOihw1() },
      {},
      /batch normalisation/,
    ],
    [
      'two channels',
      { 'conv1_1.filter': { shape: [3, 3, 2, 1], values: new Float32Array(18) } },
      {},
      /takes 2 channels/,
    ],
  ])('refuses %s', async (_, params, metadata, message) => {
    await expect(loadFeatureNetwork(await written(params, metadata), ['relu1_1'])).rejects.toThrow(message);
  });
});

function toOihw1(): HostParams[string] {
  return { shape: [1, 1, 1, 1], values: new Float32Array(1) };
}
