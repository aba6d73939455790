import { describe, expect, test } from 'vitest';
import { lossNames, type LossName } from '../../ts/train/losses.js';
import { smallCase, smallCycleGan, smallECycleGan } from '../helpers/small-training.js';
import { runSteps } from '../helpers/steps.js';

describe.each([
  ['CycleGAN', smallCycleGan],
  ['ECycleGAN with a perceptual loss', smallECycleGan],
])('ten training steps of a small %s', (_, config) => {
  test('on the native engine give the losses of tfjs within 1e-4', async () => {
    const steps = smallCase(config, 10, 12);
    const native = await runSteps('native', steps);
    const plain = await runSteps('cpu', steps);
    plain.losses.forEach((row, step) =>
      row.forEach((loss, i) =>
        expect(Math.abs(native.losses[step]![i]! - loss), `step ${step}, ${lossNames[i]} ${loss}`).toBeLessThanOrEqual(
          1e-4 * Math.abs(loss),
        ),
      ),
    );
    const term = (name: LossName) => plain.losses.map((row) => row[lossNames.indexOf(name)]!);
    expect(Math.min(...term('cycleA'), ...term('identityB'), ...term('discriminatorA'))).toBeGreaterThan(0.01);
    if (config.perceptualAlpha > 0) expect(Math.min(...term('features'))).toBeGreaterThan(0.01);
  });
});
