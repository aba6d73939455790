import { describe, expect, test } from 'vitest';
import { diffAugmentations } from '../../ts/train/diff-augment.js';
import { lossNames, type LossName } from '../../ts/train/losses.js';
import { noBfloat16 } from '../helpers/bfloat16.js';
import { emulated } from '../helpers/parity.js';
import { smallCase, smallCycleGan, smallECycleGan } from '../helpers/small-training.js';
import { runSteps } from '../helpers/steps.js';

// On the CPU that plays a GPU ten take a minute: npm run test:cuda -- --emulated.
const count = emulated && !process.env['RAREFACE_TEST_CUDA'] ? 2 : 10;

describe.each([
  ['CycleGAN', smallCycleGan],
  ['ECycleGAN with a perceptual loss', smallECycleGan],
  ['CycleGAN with DiffAugment', { ...smallCycleGan, diffAugment: diffAugmentations }],
])(`${count} training steps of a small %s`, (_, config) => {
  test('on the native engine give the losses of tfjs within 1e-4', async () => {
    const steps = smallCase(config, count, 12);
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

/** The ECycleGAN wide enough for products to be rounded. */
const wide = { ...smallECycleGan, baseWidth: 8, growth: 8, discriminatorWidth: 8, learningRate: 2e-4 };

// Rounding the factors to 8 bits moves a loss by some 2^-8; Adam makes more of it, since a small
// gradient of the other sign moves a weight the other way.
test.skipIf(noBfloat16)(
  `${count} training steps in bfloat16 give the losses of float32 within 3 per cent`,
  async () => {
    const steps = smallCase(wide, count, 16);
    const exact = await runSteps('native', steps);
    const rounded = await runSteps('native', steps, 'bfloat16');
    exact.losses.forEach((row, step) =>
      row.forEach((loss, i) =>
        expect(Math.abs(rounded.losses[step]![i]! - loss), `step ${step}, ${lossNames[i]} ${loss}`).toBeLessThanOrEqual(
          0.03 * Math.abs(loss) + 1e-3,
        ),
      ),
    );
    expect(rounded.losses).not.toEqual(exact.losses);
    expect(await runSteps('native', steps, 'bfloat16')).toEqual(rounded);
  },
);
