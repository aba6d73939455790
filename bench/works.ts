// The pieces of work that contestants share.
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import { StepRunner } from '../ts/backend/capture/step-runner.js';
import { makeGenerator } from '../ts/models/generator.js';
import { uploadParams } from '../ts/models/host-params.js';
import { initialParams, type HostParams } from '../ts/models/network.js';
import { denseTrunk } from '../ts/models/trunks.js';
import { featureStack, imagenet, vgg19Features, type Vgg19Config } from '../ts/models/vgg19.js';
import { adamCoefficients, adamUpdate } from '../ts/ops/adam.js';
import { runKernel } from '../ts/ops/dispatch.js';
import { valueAndGrads } from '../ts/ops/gradients.js';
import { instanceNorm } from '../ts/ops/instance-norm.js';
import { perceptualLoss } from '../ts/ops/perceptual-loss.js';
import type { TrainConfig } from '../ts/train/options.js';
import type { Engine } from './engines.js';
import { convFlops, generatorFlops, perceptualFlops, trunkFlops, vgg19Flops } from './flops.js';
import type { Contestant } from './measure.js';
import { randomImages, randomTensor } from './random.js';

/** A piece of work that every contestant does alike. */
export interface Work {
  readonly title: string;
  readonly detail: string;
  /** Of a run. */
  readonly flops?: number;
  /** Whether gradients are taken. */
  readonly trains: boolean;
  /** Puts what a run reads on the current engine. */
  prepare(): Prepared;
}

export interface Prepared {
  /** One run on the current engine, up to its results' being there. */
  run(): void | Promise<void>;
  dispose(): void;
}

/** tfjs's cpu backend may take minutes for what others do in milliseconds: its pace shows in one run. */
export const cpuOnceOver = 1000;

/** An engine at a piece of work. */
export function contestantOf(engine: Engine, work: Work): Contestant {
  let prepared: Prepared | undefined;
  return {
    name: engine.title,
    precision: engine.precision,
    ...(engine.name === 'cpu' ? { onceOver: cpuOnceOver } : {}),
    ...(work.flops === undefined ? {} : { flops: work.flops }),
    async enter() {
      await engine.use();
      prepared ??= work.prepare();
    },
    run: () => prepared!.run(),
    async dispose() {
      await engine.use();
      prepared?.dispose();
    },
  };
}

/** Frees what `make` gives, after reading a number of it: an engine may answer before it is done. */
function finish(make: () => Tensor | Tensor[]): void {
  const made = tf.tidy(make);
  waitFor(Array.isArray(made) ? made.at(-1)! : made);
  tf.dispose(made);
}

function waitFor(tensor: Tensor): void {
  tf.tidy(() => void tf.slice(tf.reshape(tensor, [-1]), 0, 1).dataSync());
}

function prepared(tensors: Record<string, Tensor>, make: () => Tensor | Tensor[]): Prepared {
  return { run: () => finish(make), dispose: () => tf.dispose(tensors) };
}

/** As training runs it: recorded and replayed by the native engine, called on the others. */
function steps<Inputs extends object>(inputs: Inputs, compute: (inputs: Inputs) => Tensor[]): Prepared {
  const runner = new StepRunner((state: object, given: Inputs) => ({ state, outputs: compute(given) }));
  return {
    async run() {
      const { outputs } = await runner.run({}, inputs);
      waitFor(outputs.at(-1)!);
      tf.dispose(outputs);
    },
    dispose() {
      runner.dispose();
      tf.dispose(inputs as tf.TensorContainer);
    },
  };
}

/** A convolution of training's, of stride 1 and pad 1, or one of its gradients. */
export function convWork(
  part: 'forward' | 'input gradient' | 'filter gradient',
  shape: { batch: number; side: number; channels: number; filters: number },
): Work {
  const { batch, side, channels, filters } = shape;
  const filterShape = [3, 3, channels, filters];
  const inputShape = [batch, side, side, channels];
  const attrs = { strides: [1, 1], pad: 1, dataFormat: 'NHWC', dilations: [1, 1] };
  return {
    title: `Convolution, ${part}, batch ${batch}`,
    detail: `3x3, ${side}x${side}, ${channels} to ${filters} channels`,
    flops: batch * convFlops(side, 3, channels, filters),
    trains: part !== 'forward',
    prepare() {
      const x = randomImages(batch, side, channels);
      const dy = randomImages(batch, side, filters, 2);
      const filter = randomTensor(filterShape, 3, 0.05);
      const run = (kernel: string, inputs: Record<string, Tensor>, more: object = {}) =>
        runKernel<Tensor>(kernel, inputs, { ...attrs, ...more });
      return prepared({ x, dy, filter }, () => {
        if (part === 'forward') return run('Conv2D', { x, filter });
        if (part === 'input gradient') return run('Conv2DBackpropInput', { dy, filter }, { inputShape });
        return run('Conv2DBackpropFilter', { x, dy }, { filterShape });
      });
    },
  };
}

/** A generator's trunk alone, with gradients by its input and by all its weights unless `forwardOnly`. */
export function trunkWork(config: TrainConfig, batch: number, forwardOnly = false): Work {
  const [side, width] = [config.size / 4, 4 * config.baseWidth];
  const trunk = denseTrunk(width, config);
  return {
    title: `Residual dense blocks, ${forwardOnly ? 'forward' : 'forward and backward'}, batch ${batch}`,
    detail: `${config.blocks} x ${config.denseBlocks} dense blocks of ${config.subBlocks} convolutions, ${width} channels, growth ${config.growth}, ${side}x${side}`,
    flops: (forwardOnly ? 1 : 3) * batch * trunkFlops(config, side, width),
    trains: !forwardOnly,
    prepare() {
      const params = uploadParams(initialParams(trunk, 1));
      const names = Object.keys(params);
      const x = randomImages(batch, side, width);
      const dy = randomImages(batch, side, width, 2);
      return steps({ params, x, dy }, (given) => {
        if (forwardOnly) return [trunk.apply(given.params, given.x)];
        const gradients = tf.grads((input: Tensor, ...weights: Tensor[]) =>
          trunk.apply(Object.fromEntries(names.map((name, i) => [name, weights[i]!])), input as Tensor4D),
        );
        return gradients([given.x, ...names.map((name) => given.params[name]!)], given.dy);
      });
    },
  };
}

/** VGG19 as its ImageNet weights are, up to its last relu. Weights are random: time does not depend on them. */
export const vgg19: Vgg19Config = { width: 1, channels: 3, layers: ['relu5_4'], normalise: imagenet };

/** A feature network's starting weights. */
export const randomFeatures = (config: Vgg19Config): HostParams => initialParams(vgg19Features(config), 1);

/** The perceptual loss between two batches of images, with its gradient by the first unless `forwardOnly`. */
export function perceptualWork(config: TrainConfig, batch: number, forwardOnly = false): Work {
  const { size } = config;
  return {
    title: `Perceptual loss, ${forwardOnly ? 'forward' : 'forward and backward'}, batch ${batch}`,
    detail: `VGG19 up to relu5_4 on two batches of ${size}x${size} colour images${forwardOnly ? '' : ', gradient by the first'}`,
    flops: batch * (forwardOnly ? 2 * vgg19Flops(size) : perceptualFlops(size)),
    trains: !forwardOnly,
    prepare() {
      const params = uploadParams(randomFeatures(vgg19));
      const x = randomImages(batch, size, 3);
      const images = randomImages(batch, size, 3, 2);
      return steps({ params, x, images }, (given) => {
        const { stack, prepare } = featureStack(vgg19, given.params);
        const target = { images: prepare(given.images) };
        const loss = (input: Tensor) => perceptualLoss(stack, prepare(input as Tensor4D), target);
        if (forwardOnly) return [loss(given.x)];
        const { value, grads } = valueAndGrads(loss, [given.x]);
        return [value, ...grads];
      });
    },
  };
}

/** An instance norm with relu behind it, and its gradient, where a generator's maps are largest. */
export function normWork({ size, baseWidth }: TrainConfig, batch: number): Work {
  return {
    title: `Instance norm and relu, forward and backward, batch ${batch}`,
    detail: `${size}x${size}, ${baseWidth} channels`,
    trains: true,
    prepare() {
      const x = randomImages(batch, size, baseWidth);
      const dy = randomImages(batch, size, baseWidth, 2);
      const gradient = tf.grad((input: Tensor) => instanceNorm(input as Tensor4D, { activation: 'relu' }));
      return prepared({ x, dy }, () => gradient(x, dy));
    },
  };
}

/** Adam's update of all weights of one generator. */
export function adamWork(config: TrainConfig): Work {
  const network = makeGenerator(config);
  const count = Math.round(network.params.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0) / 1e5);
  return {
    title: "Adam's update",
    detail: `${network.params.length} tensors, ${count / 10} million weights`,
    trains: false,
    prepare() {
      const params = Object.values(uploadParams(initialParams(network, 1)));
      const [grads, m, v] = [0, 1, 2].map(() => params.map((param) => tf.zerosLike(param))) as [
        Tensor[],
        Tensor[],
        Tensor[],
      ];
      const { learningRate, beta1, beta2 } = config;
      const coefficients = adamCoefficients({ learningRate, beta1, beta2, epsilon: 1e-8, step: 1 });
      return {
        run: () =>
          finish(() => {
            const updated = adamUpdate(params, grads, m, v, coefficients);
            return [...updated.params, ...updated.m, ...updated.v];
          }),
        dispose: () => tf.dispose([params, grads, m, v, [coefficients]]),
      };
    },
  };
}

/** A generator's forward pass, from images on the host to translations there. */
export function generatorWork(config: TrainConfig, batch: number): Work {
  const network = makeGenerator(config);
  const { size, channels } = config;
  const shape: [number, number, number, number] = [batch, size, size, channels];
  return {
    title: `Generation, batch ${batch}`,
    detail: network.name,
    flops: batch * generatorFlops(config, size),
    trains: false,
    prepare() {
      const params = uploadParams(initialParams(network, 1));
      const images = new Float32Array(batch * size * size * channels);
      return {
        run: () => tf.tidy(() => void network.apply(params, tf.tensor4d(images, shape)).dataSync()),
        dispose: () => tf.dispose(params),
      };
    },
  };
}
