import { beforeAll, describe, expect, test } from 'vitest';
import { useEngine } from '../../ts/backend/engine.js';
import { lossNames } from '../../ts/train/losses.js';
import { smallCase, smallCycleGan, smallECycleGan } from '../helpers/small-training.js';
import { runSteps } from '../helpers/steps.js';
import { noTfjsNode } from '../helpers/tfjs-node.js';

// Cases are made on it.
beforeAll(() => useEngine('native'));

describe.skipIf(noTfjsNode).each([
  ['CycleGAN', smallCycleGan],
  ['ECycleGAN with a perceptual loss', smallECycleGan],
])('ten training steps of a small %s', (_, config) => {
  test('on tfjs-node give the losses of the native engine within 1e-4', async () => {
    const steps = smallCase(config, 10, 12);
    const native = await runSteps('native', steps);
    const tensorflow = await runSteps('tfjs-node', steps);
    native.losses.forEach((row, step) =>
      row.forEach((loss, i) => {
        const apart = Math.abs(tensorflow.losses[step]![i]! - loss);
        expect(apart, `step ${step}, ${lossNames[i]} ${loss}`).toBeLessThanOrEqual(1e-4 * Math.abs(loss));
      }),
    );
  });
});
