import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { useEngine } from '../../ts/backend/engine.js';
import { openEmbedder } from '../../ts/embed/embedder.js';
import { embeddingDefaults, type EmbeddingSettings } from '../../ts/embed/options.js';
import { syntheticFaces } from '../../ts/data/synthetic.js';
import { encodeModel } from '../../ts/onnx/proto.js';
import { TestGraph } from '../helpers/onnx-graphs.js';
import { sharedFile } from '../helpers/shared.js';

let folder: string;
let means: string;
/** A value within. */
let inner: string;
beforeAll(async () => {
  await useEngine('native');
  folder = await mkdtemp(join(tmpdir(), 'embed-'));
  // The mean of each channel, and twice that as the output.
  const builder = new TestGraph();
  inner = builder.node('GlobalAveragePool', ['input']);
  const graph = builder.graph(3, builder.node('Mul', [builder.node('Flatten', [inner]), builder.number(2)]));
  graph.output[0]!.type!.tensorType!.shape = { dim: [{ dimParam: 'n' }, { dimValue: 3 }] };
  means = join(folder, 'means.onnx');
  const model = { irVersion: 8, producerName: 'test', producerVersion: '1', graph };
  await writeFile(means, encodeModel({ ...model, opsetImport: [{ version: 18 }], metadataProps: [] }));
});
afterAll(() => rm(folder, { recursive: true }));

/** Three colour images of one colour each. */
const flat = {
  size: 16,
  channels: 3 as const,
  pixels: Uint8Array.from([0, 1, 2].flatMap((i) => Array.from({ length: 256 }, () => [10 + i, 100, 200]).flat())),
};

async function embedded(settings: Partial<EmbeddingSettings>, indices = [2, 0]): Promise<number[]> {
  const embedder = await openEmbedder({ ...embeddingDefaults, embedding: means, embeddingSize: 32, ...settings });
  try {
    const { count, dimensions, values } = await embedder.embed(flat, indices);
    expect([count, dimensions]).toEqual([indices.length, 3]);
    return [...values];
  } finally {
    await embedder.close();
  }
}

/** 2 * pixel as each input wants it. */
const wanted: Record<EmbeddingSettings['embeddingInput'], (rgb: number[]) => number[]> = {
  signed: (rgb) => rgb.map((x) => 2 * (x / 127.5 - 1)),
  unit: (rgb) => rgb.map((x) => (2 * x) / 255),
  imagenet: ([r, g, b]) => [
    (2 * (r! / 255 - 0.485)) / 0.229,
    (2 * (g! / 255 - 0.456)) / 0.224,
    (2 * (b! / 255 - 0.406)) / 0.225,
  ],
  caffe: ([r, g, b]) => [2 * (b! - 104), 2 * (g! - 117), 2 * (r! - 123)],
};

describe('an ONNX network', () => {
  test.each(Object.keys(wanted) as (keyof typeof wanted)[])('gets its pixels as it wants them: %s', async (input) => {
    const found = await embedded({ embeddingInput: input });
    const expected = [12, 10].flatMap((red) => wanted[input]([red, 100, 200]));
    found.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 3));
  });

  test('gives a value from within, maps as their mean', async () => {
    // [n, 3, 1, 1]
    const found = await embedded({ embeddingInput: 'unit', embeddingOutput: inner }, [0]);
    found.forEach((value, i) => expect(value).toBeCloseTo([10, 100, 200][i]! / 255, 5));
  });

  test('is refused where it lacks the value', async () => {
    await expect(embedded({ embeddingOutput: 'pool9' })).rejects.toThrow(
      /means\.onnx has no value 'pool9'\. Its outputs:/,
    );
  });
});

test('the network of faces tells expressions of drawn faces apart better than chance, whatever the batch', async () => {
  const faces = await syntheticFaces({ size: 48, channels: 1, seed: 3, count: 70 });
  const embedder = await openEmbedder(embeddingDefaults);
  const all = await embedder.embed(faces, Array.from(faces.labels.keys()));
  const one = await embedder.embed(faces, [69]);
  await embedder.close();
  expect(all.dimensions).toBe(256);
  one.values.forEach((value, i) => expect(value).toBeCloseTo(all.values[69 * 256 + i]!, 5));
  await expect(openEmbedder({ ...embeddingDefaults, embeddingSize: 96 })).rejects.toThrow('are for ONNX networks');
  const distance = (a: number, b: number) => {
    let sum = 0;
    for (let i = 0; i < 256; i++) sum += (all.values[a * 256 + i]! - all.values[b * 256 + i]!) ** 2;
    return sum;
  };
  const others = (i: number) => Array.from(faces.labels.keys()).filter((j) => j !== i);
  const right = Array.from(faces.labels.keys()).filter((i) => {
    const nearest = others(i).reduce((best, j) => (distance(i, j) < distance(i, best) ? j : best));
    return faces.labels[nearest] === faces.labels[i];
  }).length;
  expect(right / 70).toBeGreaterThan(2 / 7);
});

test('an ImageNet network gives what it gives', async () => {
  const googlenet = sharedFile('models/googlenet.onnx');
  if (googlenet === undefined) return;
  const faces = await syntheticFaces({ size: 48, channels: 1, seed: 3, count: 2 });
  const embedder = await openEmbedder({
    ...embeddingDefaults,
    embedding: googlenet,
    embeddingInput: 'caffe',
    embeddingSize: 64,
  });
  const { dimensions, values } = await embedder.embed(faces, [0, 1]);
  await embedder.close();
  expect(embedder.name).toBe('pool5 of googlenet.onnx at 64 pixels');
  expect(dimensions).toBe(1024);
  expect(Math.max(...values)).toBeGreaterThan(0);
});
