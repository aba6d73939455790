import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { addonPath, loadBinding } from '../../ts/backend/binding.js';
import { hasDriver } from '../../ts/backend/tfjs-node/gpu.js';

const built = existsSync(join(dirname(addonPath()), 'librareface-cuda.so'));

describe.skipIf(!built)('the kernels for GPUs (npm run setup:cuda)', () => {
  test('load on any machine, and say in words what they lack', () => {
    const open = () => loadBinding().open('cuda', '', 1);
    if (hasDriver()) expect(open().description).toContain('NVIDIA');
    else expect(open).toThrow('no NVIDIA driver');
  });
});
