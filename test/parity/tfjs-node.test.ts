import { beforeAll, describe, expect, test } from 'vitest';
import { useEngine } from '../../ts/backend/engine.js';
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import { lossNames } from '../../ts/train/losses.js';
import { expectClose, randomTensor, resultsOn } from '../helpers/parity.js';
import { smallCase, smallCycleGan, smallECycleGan } from '../helpers/small-training.js';
import { runSteps } from '../helpers/steps.js';
import { noTfjsNode } from '../helpers/tfjs-node.js';

type ExplicitPadding = tf.backend_util.ExplicitPadding;

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

// tfjs-node itself refuses them.
describe.skipIf(noTfjsNode).each([
  ['1 around', 1, 1],
  ['1 around, stride 2, where "same" puts it elsewhere', 1, 2],
  [
    'uneven ones',
    [
      [0, 0],
      [2, 0],
      [1, 3],
      [0, 0],
    ],
    2,
  ],
] as const)('a convolution with pads in numbers, %s', (_, pad, strides) => {
  test('and its gradients are those of tfjs on tfjs-node', async () => {
    const compute = () => {
      const conv = (image: Tensor, filter: Tensor) =>
        tf.conv2d(image as Tensor4D, filter as Tensor4D, strides, pad as number | ExplicitPadding);
      const operands = [randomTensor([2, 8, 9, 3], 1), randomTensor([3, 3, 3, 4], 2)] as const;
      return [conv(...operands), ...tf.grads((x, filter) => tf.square(conv(x, filter)))([...operands])];
    };
    const plain = await resultsOn('cpu', compute);
    expectClose(await resultsOn('tfjs-node', compute), plain, { absolute: 1e-4, relative: 1e-5 });
  });
});
