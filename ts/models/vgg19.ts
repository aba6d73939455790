import * as tf from '@tensorflow/tfjs-core';
import type { Tensor1D, Tensor4D } from '@tensorflow/tfjs-core';
import { luma } from '../base/colour.js';
import { expected } from '../base/errors.js';
import type { FeatureStack } from '../ops/perceptual-loss.js';
import { convRelu, plainParams, type ConvClassifier, type ConvLayer } from './conv-classifier.js';
import type { Network, Params } from './network.js';

/** Channels and convolutions of the five stages (Simonyan & Zisserman 2015, configuration E). */
const stages = [
  { channels: 64, convs: 2 },
  { channels: 128, convs: 2 },
  { channels: 256, convs: 4 },
  { channels: 512, convs: 4 },
  { channels: 512, convs: 4 },
] as const;

/** Mean and deviation of each channel, for images in [0, 1]. */
export interface Normalisation {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** What ImageNet networks are used to (RGB). */
export const imagenet: Normalisation = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

export interface Vgg19Config {
  /** Times VGG19's channels: 1 is VGG19. */
  readonly width: number;
  /** Layers wanted, in the order of the outputs: `conv3_1` before, `relu3_1` after the activation. */
  readonly layers: readonly string[];
  /** Channels of the first convolution. */
  readonly channels: 1 | 3;
  /** Left out: images enter as they are, in [-1, 1]. */
  readonly normalise?: Normalisation;
}

/** All sixteen convolutions, first to last. */
export function vgg19Convs({ width, channels }: Pick<Vgg19Config, 'width' | 'channels'>): ConvLayer[] {
  if (!(width > 0 && width <= 4)) throw expected('the width of VGG19', 'a number above 0, at most 4', width);
  let inputs: number = channels;
  return stages.flatMap(({ channels: full, convs }, stage) =>
    Array.from({ length: convs }, (_, i) => {
      const conv = {
        name: `conv${stage + 1}_${i + 1}`,
        inputs,
        outputs: Math.max(1, Math.round(full * width)),
        pooled: stage > 0 && i === 0,
      };
      inputs = conv.outputs;
      return conv;
    }),
  );
}

/** `relu3_1` for `conv3_1`. */
const reluOf = (conv: string) => conv.replace('conv', 'relu');

const layerNames = vgg19Convs({ width: 1, channels: 3 }).flatMap(({ name }) => [name, reluOf(name)]);

/**
 * VGG19's features: x [N, H, W, C] in [-1, 1], C 1 or 3, to one [N, H / 2^s, W / 2^s, channels] for
 * each wanted layer. Nothing beyond the last wanted layer is computed, nor among its parameters.
 * Grey images are repeated to three channels where the weights want three; colour images become
 * their luma where they want one.
 * @throws UserError for an unknown layer or width
 */
export function vgg19Features(config: Vgg19Config): Network<Tensor4D[]> {
  const { width, layers, channels, normalise } = config;
  const convs = wantedConvs(config);
  return {
    name: nameOf(width),
    params: convs.flatMap(plainParams),
    apply(params, x) {
      const found = new Map<string, Tensor4D>();
      let y = toNetworkInput(x, channels, normalise);
      for (const { name, pooled } of convs) {
        if (pooled) y = tf.maxPool(y, 2, 2, 'valid');
        if (layers.includes(name)) {
          y = tf.add(tf.conv2d(y, params[`${name}.filter`] as Tensor4D, 1, 1), params[`${name}.bias`] as Tensor1D);
          found.set(name, y);
          y = tf.relu(y);
        } else {
          y = convRelu(params, name, y);
        }
        found.set(reluOf(name), y);
      }
      return layers.map((layer) => found.get(layer)!);
    },
  };
}

/**
 * The same network as data, for the perceptual loss, and what images in [-1, 1] must go through
 * first.
 * @throws UserError for an unknown layer or width
 */
export function featureStack(
  config: Vgg19Config,
  params: Params,
): { stack: FeatureStack; prepare(x: Tensor4D): Tensor4D } {
  const convs = wantedConvs(config);
  const tap = (layer: string) => ({
    conv: convs.findIndex(({ name }) => name === layer || reluOf(name) === layer),
    activated: layer.startsWith('relu'),
  });
  return {
    stack: {
      convs: convs.map(({ name, pooled }) => ({
        filter: params[`${name}.filter`] as Tensor4D,
        bias: params[`${name}.bias`] as Tensor1D,
        pooled,
      })),
      taps: config.layers.map(tap),
    },
    prepare: (x) => toNetworkInput(x, config.channels, config.normalise),
  };
}

/** The convolutions up to the last wanted layer. */
function wantedConvs({ width, layers, channels }: Vgg19Config): ConvLayer[] {
  if (layers.length === 0) throw expected('the feature layers', 'at least one layer such as relu5_4', layers);
  for (const layer of layers)
    if (!layerNames.includes(layer)) throw expected('a feature layer', 'conv1_1, relu1_1, ... or relu5_4', layer);
  const all = vgg19Convs({ width, channels });
  const last = Math.max(...all.map(({ name }, i) => (layers.includes(name) || layers.includes(reluOf(name)) ? i : -1)));
  return all.slice(0, last + 1);
}

/** Images in [-1, 1] with the channels and the normalisation that the weights are used to. */
function toNetworkInput(x: Tensor4D, channels: 1 | 3, normalise?: Normalisation): Tensor4D {
  let y = x;
  if (x.shape[3] === 1 && channels === 3) y = tf.concat([x, x, x], 3);
  if (x.shape[3] === 3 && channels === 1) y = tf.conv2d(x, tf.tensor4d([...luma], [1, 1, 3, 1]), 1, 0);
  if (!normalise) return y;
  // ((y + 1) / 2 - mean) / std
  const scale = tf.tensor1d(normalise.std.map((std) => 0.5 / std));
  const shift = tf.tensor1d(normalise.std.map((std, c) => (0.5 - normalise.mean[c]!) / std));
  return tf.add(tf.mul(y, scale), shift);
}

/** The classifier whose convolutions are VGG19's: what pretraining trains. It takes images in [-1, 1] as they are. */
export function vgg19Classifier(config: Pick<Vgg19Config, 'width' | 'channels'> & { classes: number }): ConvClassifier {
  return { name: nameOf(config.width), convs: vgg19Convs(config), classes: config.classes };
}

const nameOf = (width: number) => `VGG19 (width ${width})`;
