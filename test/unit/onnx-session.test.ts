import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { UserError } from '../../ts/base/errors.js';
import { classifier } from '../../ts/models/classifier.js';
import { plainClassifier } from '../../ts/models/conv-classifier.js';
import { makeDiscriminator } from '../../ts/models/discriminator.js';
import { makeGenerator } from '../../ts/models/generator.js';
import { initialParams } from '../../ts/models/network.js';
import { exportOnnx } from '../../ts/onnx/export.js';
import { decodeModel, encodeModel, type Dimension, type Model } from '../../ts/onnx/proto.js';
import { openGenerator } from '../../ts/onnx/session.js';
import { runOnnx } from '../helpers/onnx.js';
import { randomTensor } from '../helpers/parity.js';
import { useEngine } from '../../ts/backend/engine.js';

const network = makeGenerator({
  ...{ generator: 'cyclegan', channels: 1, baseWidth: 4, resBlocks: 1 },
  ...{ blocks: 1, denseBlocks: 1, subBlocks: 2, growth: 4, trunkNorm: 'instance', residualScale: 0.5 },
});

let folder: string;
let model: Uint8Array;
let file: string;
beforeAll(async () => {
  await useEngine('cpu');
  folder = await mkdtemp(join(tmpdir(), 'session-'));
  model = await exportOnnx(network, initialParams(network, 1), {
    channels: 1,
    metadata: { size: '16', to: 'Disgust' },
  });
  file = await written('generator.onnx', model);
});
afterAll(() => rm(folder, { recursive: true }));

async function written(name: string, bytes: Uint8Array | string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
}

test('answers in order, with what onnxruntime gives', async () => {
  const generator = await openGenerator(file, { engine: 'onnxruntime', provider: 'cpu', threads: 1 });
  expect(generator).toMatchObject({ channels: 1, size: 16, provider: 'cpu', note: undefined });
  expect(generator.metadata['to']).toBe('Disgust');
  const shapes = [
    [2, 16, 16, 1],
    [1, 32, 32, 1],
    [5, 16, 16, 1],
  ] as const;
  const order: number[] = [];
  const results = await Promise.all(
    shapes.map(async ([n, size], i) => {
      // One channel: NHWC and NCHW are the same.
      const images = randomTensor([n, size, size, 1], i).dataSync<'float32'>();
      const result = await generator.run(images.slice(), n, size);
      order.push(i);
      return result;
    }),
  );
  expect(order).toEqual([0, 1, 2]);
  for (const [i, shape] of shapes.entries())
    expect(results[i]).toEqual((await runOnnx(model, [...shape], i))[0]!.values);
  await generator.close();
  await expect(generator.run(new Float32Array(256), 1, 16)).rejects.toThrow('the session is closed');
});

test('the event loop turns while a batch runs', async () => {
  const generator = await openGenerator(file, { engine: 'onnxruntime', provider: 'cpu' });
  const running = generator.run(new Float32Array(64 * 64 * 64), 64, 64);
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await running;
  clearInterval(timer);
  expect(turns).toBeGreaterThan(2);
  await generator.close();
});

test('a failing batch leaves the session usable', async () => {
  const generator = await openGenerator(file, { engine: 'onnxruntime', provider: 'cpu' });
  // Not divisible by 4: what comes out is larger.
  await expect(generator.run(new Float32Array(18 * 18), 1, 18)).rejects.toThrow(
    `${file} failed on images [1, 1, 18, 18]: `,
  );
  expect(await generator.run(new Float32Array(256), 1, 16)).toHaveLength(256);
  await generator.close();
});

test('calls under way fail when the session is closed', async () => {
  const generator = await openGenerator(file, { engine: 'onnxruntime', provider: 'cpu' });
  const running = generator.run(new Float32Array(64 * 64 * 64), 64, 64);
  await Promise.all([expect(running).rejects.toThrow(UserError), generator.close()]);
});

describe('the native engine', () => {
  test('gives what onnxruntime gives, in a thread of its own', async () => {
    const native = await openGenerator(file, { engine: 'native', threads: 2 });
    expect(native).toMatchObject({ channels: 1, size: 16, engine: 'native', provider: 'cpu', note: undefined });
    const onnxruntime = await openGenerator(file, { engine: 'onnxruntime', provider: 'cpu' });
    for (const [n, size] of [
      [3, 16],
      [1, 36],
    ] as const) {
      const images = randomTensor([n, size, size], n).dataSync<'float32'>();
      const [actual, expected] = await Promise.all(
        [native, onnxruntime].map((generator) => generator.run(images.slice(), n, size)),
      );
      expect(actual).toHaveLength(images.length);
      const far = actual!.filter((value, i) => !(Math.abs(value - expected![i]!) < 1e-5));
      expect(far).toHaveLength(0);
    }
    await Promise.all([native.close(), onnxruntime.close()]);
    await expect(native.run(new Float32Array(256), 1, 16)).rejects.toThrow('the session is closed');
  });

  test('keeps the event loop free, and ends when it is closed', async () => {
    const generator = await openGenerator(file, { engine: 'native' });
    const running = generator.run(new Float32Array(64 * 64 * 64), 64, 64);
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    await running;
    clearInterval(timer);
    expect(turns).toBeGreaterThan(2);
    const unanswered = generator.run(new Float32Array(64 * 64 * 64), 64, 64);
    await Promise.all([expect(unanswered).rejects.toThrow(UserError), generator.close()]);
  });

  test('a failing batch leaves the session usable', async () => {
    const generator = await openGenerator(file, { engine: 'native' });
    await expect(generator.run(new Float32Array(18 * 18), 1, 18)).rejects.toThrow(
      `${file} failed on images [1, 1, 18, 18]: images of shape [1, 1, 18, 18] came back as [1, 1, 20, 20].`,
    );
    expect(await generator.run(new Float32Array(256), 1, 16)).toHaveLength(256);
    await generator.close();
  });

  test('is what auto takes on a CPU', async () => {
    const generator = await openGenerator(file, { provider: 'cpu' });
    expect(generator).toMatchObject({ engine: 'native', note: undefined });
    await generator.close();
  });

  test('names an operator that it does not have; auto then takes onnxruntime, and says so', async () => {
    const path = await written(
      'softplus.onnx',
      changed((m) => (m.graph!.node.find(({ opType }) => opType === 'Relu')!.opType = 'Softplus')),
    );
    const reason =
      /^The native engine cannot run .*softplus\.onnx: Softplus \(node \w+\) is an operator that it does not have/;
    const error: unknown = await openGenerator(path, { engine: 'native' }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).toMatch(reason);
    expect((error as Error).message).toMatch(/have\. Run it with --engine onnxruntime\.$/);
    const generator = await openGenerator(path, { provider: 'cpu' });
    expect(generator.engine).toBe('onnxruntime');
    expect(generator.note).toMatch(reason);
    expect(generator.note).toMatch(/have: using onnxruntime\.$/);
    expect(await generator.run(new Float32Array(256), 1, 16)).toHaveLength(256);
    await generator.close();
  });

  test('without the addon says how to build it; auto then takes onnxruntime', async () => {
    const addon = process.env['RAREFACE_ADDON'];
    process.env['RAREFACE_ADDON'] = join(folder, 'none.node');
    try {
      await expect(openGenerator(file, { engine: 'native' })).rejects.toThrow(
        /native addon could not be loaded: .*npm run build:native/,
      );
      const generator = await openGenerator(file, { provider: 'cpu' });
      expect(generator.engine).toBe('onnxruntime');
      await generator.close();
    } finally {
      if (addon === undefined) delete process.env['RAREFACE_ADDON'];
      else process.env['RAREFACE_ADDON'] = addon;
    }
  });

  test('runs on no GPU', async () => {
    await expect(openGenerator(file, { engine: 'native', provider: 'cuda' })).rejects.toThrow(
      'The native engine runs on the CPU: for CUDA, run with --engine onnxruntime or native-cuda.',
    );
  });
});

describe('the CUDA provider', () => {
  test('is asked for by auto, which says in one line why it is not used', async () => {
    const generator = await openGenerator(file, { engine: 'onnxruntime' });
    if (generator.provider === 'cuda') expect(generator.note).toBeUndefined();
    else expect(generator.note).toMatch(/^CUDA is not available, using the CPU \([^\n]+\)\.$/);
    await generator.close();
  });

  test('by name is used, or what it needs is said', async () => {
    try {
      const generator = await openGenerator(file, { provider: 'cuda' });
      expect(generator.provider).toBe('cuda');
      await generator.close();
    } catch (error) {
      expect(error).toBeInstanceOf(UserError);
      expect((error as Error).message).toMatch(
        /^onnxruntime's CUDA provider is not available: .*(setup:cuda -- --onnxruntime|NVIDIA driver).*--provider cpu\.$/,
      );
    }
  });
});

/** The generator's graph with something changed. */
function changed(change: (model: Model) => void): Uint8Array {
  const copy = decodeModel(model);
  change(copy);
  return encodeModel(copy);
}

function setDim(info: Model['graph'], where: 'input' | 'output', axis: number, dim: Dimension): void {
  (info![where][0]!.type!.tensorType!.shape!.dim as Dimension[])[axis] = dim;
}

describe('refuses in one line that names the file', () => {
  test.each([
    ['nothing', () => new Uint8Array(0), 'is not an ONNX file: it holds no graph.'],
    ['text', () => 'emotion,pixels,Usage\n0,1 2 3,Training\n', 'not an ONNX file'],
    ['a picture', () => Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13), 'not an ONNX file'],
    ['the first half', () => model.subarray(0, model.length / 2), 'is cut short'],
    ['all but the last byte', () => model.subarray(0, -1), 'is cut short'],
    ['a file without its end', () => changed((m) => (m.opsetImport = [])), 'is cut short'],
  ])('%s', async (name, content, message) => {
    const path = await written(`${name}.onnx`, content());
    const error: unknown = await openGenerator(path).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).toContain(`${path} `);
    expect((error as Error).message).toContain(message);
    expect((error as Error).message).not.toContain('\n');
  });

  test('a file that is not there', async () => {
    await expect(openGenerator(join(folder, 'none.onnx'))).rejects.toThrow(
      /^Cannot read the ONNX file .*none\.onnx: ENOENT/,
    );
  });

  test('every length at which a file can be cut', async () => {
    for (let length = 0; length < model.length; length += 997) {
      const path = await written('cut.onnx', model.subarray(0, length));
      await expect(openGenerator(path), `cut to ${length}`).rejects.toThrow(path);
    }
  });

  test('other kinds of network', async () => {
    const discriminator = makeDiscriminator({ channels: 1, discriminatorWidth: 4, discriminatorLayers: 2 });
    const classes = plainClassifier(classifier({ channels: 1, classes: 7, baseWidth: 4 }));
    const heads = await exportOnnx(classes, initialParams(classes, 1), { channels: 1 });
    await expect(openGenerator(await written('classes.onnx', heads))).rejects.toThrow(
      'classes.onnx is not a generator of images: expected one float32 input and output [n, 1 or 3, h, w] of one shape, ' +
        'but it takes input [n, 1, h, w] and gives output [n, 7].',
    );
    // A map of logits has the shape of an image: only running it shows what it is.
    const logits = await exportOnnx(discriminator, initialParams(discriminator, 1), { channels: 1 });
    const opened = await openGenerator(await written('logits.onnx', logits), { provider: 'cpu' });
    await expect(opened.run(new Float32Array(256), 1, 16)).rejects.toThrow('logits.onnx failed');
    await opened.close();
    await expect(
      openGenerator(
        await written(
          'four.onnx',
          changed((m) => setDim(m.graph, 'input', 1, { dimValue: 4 })),
        ),
      ),
    ).rejects.toThrow('takes input [n, 4, h, w]');
  });

  test('a fixed batch, and another size than a fixed one', async () => {
    const batch = await written(
      'batch.onnx',
      changed((m) => setDim(m.graph, 'input', 0, { dimValue: 2 })),
    );
    await expect(openGenerator(batch)).rejects.toThrow('batch.onnx takes batches of exactly 2');
    const sized = changed((m) => {
      for (const axis of [2, 3]) setDim(m.graph, 'input', axis, { dimValue: 32 });
    });
    const generator = await openGenerator(await written('sized.onnx', sized), { provider: 'cpu' });
    expect(generator.size).toBe(32);
    await expect(generator.run(new Float32Array(256), 1, 16)).rejects.toThrow(
      'takes images of 32 pixels a side, not 16',
    );
    await generator.close();
  });

  test('a graph that onnxruntime does not load', async () => {
    const path = await written(
      'strange.onnx',
      changed((m) => (m.graph!.node[0]!.opType = 'NoSuchOperator')),
    );
    await expect(openGenerator(path, { engine: 'onnxruntime', provider: 'cpu' })).rejects.toThrow(
      /^onnxruntime cannot load .*strange\.onnx: .*NoSuchOperator/,
    );
  });

  test('options that are none', async () => {
    await expect(openGenerator(file, { engine: 'tvm' as never })).rejects.toThrow(
      'one of auto, onnxruntime, native, native-cuda, tfjs-node-gpu, tfjs-node, cpu',
    );
    await expect(openGenerator(file, { provider: 'tpu' as never })).rejects.toThrow('one of auto, cuda, cpu');
    await expect(openGenerator(file, { threads: 0 })).rejects.toThrow('an integer between 1 and 1024');
  });
});
