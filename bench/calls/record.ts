import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import type { Precision } from '../../ts/backend/binding.js';
import type { Call } from '../../ts/backend/capture/recorder.js';
import { simplified } from '../../ts/backend/capture/simplify.js';
import { trace } from '../../ts/backend/capture/trace.js';
import { useEngine } from '../../ts/backend/engine.js';
import type { NativeBackend } from '../../ts/backend/native-backend.js';
import { makeDiscriminator } from '../../ts/models/discriminator.js';
import { makeGenerator } from '../../ts/models/generator.js';
import { uploadParams } from '../../ts/models/host-params.js';
import type { Network } from '../../ts/models/network.js';
import { featureStack } from '../../ts/models/vgg19.js';
import { featuresOf } from '../../ts/ops/perceptual-loss.js';
import type { TrainConfig } from '../../ts/train/options.js';
import { trainStep, type DiscriminatorInputs, type NetworkState, type StepInputs } from '../../ts/train/step.js';
import { randomFeatures, vgg19 } from '../works.js';

/**
 * The kernel calls of one training step, as a run replays them: both discriminators learn, features
 * of real images are there already. Nothing of it is computed.
 */
export async function recordStep(
  config: TrainConfig,
  engine: 'native' | 'native-cuda',
  precision: Precision = 'float32',
): Promise<Call[]> {
  await useEngine(engine, precision);
  const backend = tf.backend() as NativeBackend;
  let calls: Call[] = [];
  tf.tidy(() => {
    const { batchSize: n, size, channels } = config;
    const [generator, discriminator] = [makeGenerator(config), makeDiscriminator(config)];
    const stackConfig = { ...vgg19, layers: config.featureLayers ?? vgg19.layers };
    const { stack, prepare } = featureStack(stackConfig, uploadParams(randomFeatures(stackConfig)));
    const images = (count: number): Tensor4D => tf.zeros([count, size, size, channels]);
    const judged = (): DiscriminatorInputs => ({
      stored: images(n),
      sources: tf.zeros([n], 'int32'),
      realLabels: tf.zeros([n, 1, 1, 1]),
      update: tf.zeros([7]),
    });
    const inputs: StepInputs = {
      ...{ realA: images(n), realB: images(n), update: tf.zeros([7]) },
      ...{ discriminatorA: judged(), discriminatorB: judged() },
      features: featuresOf(stack, prepare(images(1))).map(({ shape: [, h, w, c] }): Tensor4D =>
        tf.zeros([2 * n, h, w, c]),
      ),
    };
    const networks = {
      ...{ generatorAB: generator, generatorBA: generator },
      ...{ discriminatorA: discriminator, discriminatorB: discriminator },
    };
    const state = {
      ...{ generatorAB: zeros(generator), generatorBA: zeros(generator) },
      ...{ discriminatorA: zeros(discriminator), discriminatorB: zeros(discriminator) },
    };
    const { program, ports } = trace(
      backend,
      (old: typeof state, given: StepInputs) => {
        const { state, ...outputs } = trainStep(networks, config, { stack, prepare }, old, given);
        return { state, outputs };
      },
      state,
      inputs,
    );
    calls = simplified(program.calls, [...ports.newState, ...ports.outputs], backend);
  });
  return calls;
}

function zeros({ params }: Network): NetworkState {
  const all = (): Tensor[] => params.map(({ shape }) => tf.zeros([...shape]));
  return { weights: all(), m: all(), v: all() };
}
