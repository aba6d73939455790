import * as tf from '@tensorflow/tfjs-core';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { useEngine } from '../../ts/backend/engine.js';
import { hasDriver } from '../../ts/backend/tfjs-node/gpu.js';
import { findPackage } from '../../ts/backend/tfjs-node/packages.js';
import { isSame } from '../../ts/backend/tfjs-node/pads.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rareface-engine-'));
  vi.stubEnv('RAREFACE_TENSORFLOW', folder);
});
afterAll(() => rm(folder, { recursive: true }));

/** A package where the set-up would put it. */
async function writePackage(kind: 'cpu' | 'gpu', name: string, code: string): Promise<void> {
  const place = join(folder, kind, 'node_modules', name);
  await mkdir(place, { recursive: true });
  await writeFile(join(folder, kind, 'package.json'), '{}');
  await writeFile(join(place, 'package.json'), JSON.stringify({ name, main: 'index.js' }));
  await writeFile(join(place, 'index.js'), code);
}

test('an engine that is no engine', async () => {
  await expect(useEngine('tpu' as never)).rejects.toThrow(
    'one of auto, native, native-cuda, tfjs-node-gpu, tfjs-node, cpu',
  );
});

// Before the addon opens the CPU in this process; whether the kernels for a GPU are built or not.
test.skipIf(hasDriver())('a GPU that is not there', async () => {
  await expect(useEngine('native-cuda')).rejects.toThrow(
    /built without CUDA.*setup:cuda|no NVIDIA driver.*--device cpu/,
  );
});

test('auto takes the fastest engine that works, and says why', async () => {
  const notes: string[] = [];
  const chosen = await useEngine('auto', 'float32', { onChosen: (note) => notes.push(note) });
  expect(chosen).toBe('native');
  expect(tf.getBackend()).toBe('native');
  expect(notes).toEqual([
    expect.stringMatching(
      hasDriver() ? /^Engine native: the fastest on the CPU; .*setup:/ : /^Engine native: .*no NVIDIA GPU\.$/,
    ),
  ]);
});

describe('tfjs-node', () => {
  test.each(['tfjs-node', 'tfjs-node-gpu'] as const)('%s that is not there: what installs it', async (engine) => {
    // A user's own in node_modules counts, too.
    if (findPackage(engine)) return;
    await expect(useEngine(engine)).rejects.toThrow(
      `The engine ${engine} is not installed. Set it up: npm run setup:tensorflow${engine === 'tfjs-node' ? '' : ' -- --gpu'}`,
    );
  });

  test('that does not load: where it lies, the cause, and what installs it anew', async () => {
    await writePackage('cpu', '@tensorflow/tfjs-node', 'throw new Error("libtensorflow.so.2: no such file\\nadvice");');
    await expect(useEngine('tfjs-node')).rejects.toThrow(
      /^The engine tfjs-node does not load from .*: libtensorflow\.so\.2: no such file Set it up anew: npm run setup:/,
    );
  });

  test('for GPUs that comes up on the CPU is an error, and so is the other one beside it', async () => {
    const core = createRequire(import.meta.url).resolve('@tensorflow/tfjs-core');
    await writePackage(
      'gpu',
      '@tensorflow/tfjs-node-gpu',
      `const tf = require(${JSON.stringify(core)});
      class OnCpu extends tf.KernelBackend { isUsingGpuDevice = false; dispose() {} }
      tf.registerBackend('tensorflow', () => new OnCpu());
      for (const kernelName of ['Conv2D', 'FusedConv2D', 'Conv2DBackpropInput', 'Conv2DBackpropFilter'])
        tf.registerKernel({ kernelName, backendName: 'tensorflow', kernelFunc() { throw new Error('none'); } });`,
    );
    await expect(useEngine('tfjs-node-gpu')).rejects.toThrow(
      hasDriver() ? /came up on the CPU: / : /came up on the CPU: this machine has no NVIDIA driver .*Install it/,
    );
    await expect(useEngine('tfjs-node')).rejects.toThrow(/tfjs-node-gpu is in use: tfjs-node needs a process of its/);
  });
});

test('pads in numbers are what "same" means only where they are as many, the odd one last', () => {
  const image = [1, 48, 48, 3];
  const one = [
    [1, 1],
    [1, 1],
  ] as const;
  expect(isSame(image, [3, 3], one, 1)).toBe(true);
  expect(isSame(image, [4, 4], one, [2, 2])).toBe(true);
  expect(isSame(image, [3, 3], one, 2)).toBe(false);
  expect(isSame(image, [4, 4], one, 1)).toBe(false);
  const oddLast = [
    [0, 1],
    [0, 1],
  ] as const;
  expect(isSame(image, [3, 3], oddLast, 2)).toBe(true);
  expect(
    isSame(
      image,
      [2, 1],
      [
        [0, 1],
        [0, 0],
      ],
      1,
    ),
  ).toBe(true);
  expect(
    isSame(
      image,
      [2, 1],
      [
        [1, 0],
        [0, 0],
      ],
      1,
    ),
  ).toBe(false);
});
