import type { Tensor } from '@tensorflow/tfjs-core';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { useEngine } from '../../ts/backend/engine.js';
import { classifier } from '../../ts/models/classifier.js';
import { plainClassifier } from '../../ts/models/conv-classifier.js';
import { makeDiscriminator } from '../../ts/models/discriminator.js';
import { makeGenerator } from '../../ts/models/generator.js';
import { initialParams, type Network } from '../../ts/models/network.js';
import { imagenet, vgg19Features } from '../../ts/models/vgg19.js';
import { exportOnnx } from '../../ts/onnx/export.js';
import { presets } from '../../ts/train/presets.js';

const python = process.env['RAREFACE_PYTHON'] ?? 'python3';
const hasOnnx = spawnSync(python, ['-c', 'import onnx']).status === 0;
if (!hasOnnx) console.warn(`skipped: ${python} has no onnx package (name one that has with RAREFACE_PYTHON)`);

const script = fileURLToPath(new URL('../../scripts/check-onnx.py', import.meta.url));

const small = { ...presets.quick, baseWidth: 4, growth: 4 };
const networks: Record<string, Network<Tensor | Tensor[]>> = {
  cyclegan: makeGenerator({ ...small, generator: 'cyclegan' }),
  ecyclegan: makeGenerator({ ...small, generator: 'ecyclegan', trunkNorm: 'instance' }),
  'ecyclegan-no-norm': makeGenerator({ ...small, generator: 'ecyclegan', trunkNorm: 'none' }),
  discriminator: makeDiscriminator({ channels: 1, discriminatorWidth: 4, discriminatorLayers: 3 }),
  classifier: plainClassifier(classifier({ channels: 1, classes: 7, baseWidth: 4 })),
  vgg19: vgg19Features({ width: 1 / 32, layers: ['conv1_1', 'relu5_4'], channels: 3, normalise: imagenet }),
};

test.skipIf(!hasOnnx)('the onnx package finds nothing to object to', { timeout: 180_000 }, async () => {
  await useEngine('cpu');
  const folder = await mkdtemp(join(tmpdir(), 'rareface-onnx-'));
  try {
    const files: string[] = [];
    for (const [name, network] of Object.entries(networks))
      for (const half of [false, true]) {
        const file = join(folder, `${name}${half ? '-half' : ''}.onnx`);
        await writeFile(file, await exportOnnx(network, initialParams(network, 1), { channels: 1, half }));
        files.push(file);
      }
    const { status, stdout, stderr } = spawnSync(python, [script, ...files], { encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout.trim().split('\n')).toHaveLength(files.length);
    expect(stdout).toContain('IR 8, opset 18');
  } finally {
    await rm(folder, { recursive: true });
  }
});
