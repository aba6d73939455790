import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { expected } from '../base/errors.js';
import { instanceNorm } from '../ops/instance-norm.js';
import { reflectPad } from '../ops/reflect-pad.js';
import { biasSpec, convolve, filterSpec, upsample } from './layers.js';
import type { Network, Params } from './network.js';
import { denseTrunk, residualTrunk, type DenseTrunkConfig } from './trunks.js';

/** Which generator; the names are those of the training options. */
export interface GeneratorConfig extends DenseTrunkConfig {
  /** The kind of trunk. */
  readonly generator: 'cyclegan' | 'ecyclegan';
  readonly channels: 1 | 3;
  /** Channels after the first convolution; the trunk has four times as many. */
  readonly baseWidth: number;
  /** cyclegan: residual blocks. */
  readonly resBlocks: number;
  /** Whether a translation gets its source's mean and contrast, see {@link withLightOf}. Default: no. */
  readonly keepLight?: boolean;
}

/**
 * Translates images [n, h, w, channels] in [-1, 1] to images of the same shape, in (-1, 1) or with
 * keepLight about that: the generator of CycleGAN (Zhu et al. 2017) or of ECycleGAN (Zhang & Zhou
 * 2020). h and w are any multiples of 4 from 8.
 *
 * Parameters, in order:
 * - `encoder.0.filter` 7x7, `encoder.1.filter` and `encoder.2.filter` 3x3 of stride 2;
 * - cyclegan: `trunk.0.conv1.filter`, `trunk.0.conv2.filter`, `trunk.1.conv1.filter`, ...;
 *   ecyclegan: `trunk.0.dense1.conv1.filter` (and `.bias` where trunkNorm is none), ...;
 * - `decoder.0.filter` and `decoder.1.filter`, 3x3 and transposed ([h, w, out, in]);
 *   `decoder.2.filter` 7x7 and `decoder.2.bias`.
 */
export function makeGenerator(config: GeneratorConfig): Network {
  const { generator, channels, baseWidth: width } = config;
  const trunk = generator === 'cyclegan' ? residualTrunk(4 * width, config.resBlocks) : denseTrunk(4 * width, config);
  return {
    name: nameOf(config),
    params: [
      filterSpec('encoder.0', [7, 7, channels, width]),
      filterSpec('encoder.1', [3, 3, width, 2 * width]),
      filterSpec('encoder.2', [3, 3, 2 * width, 4 * width]),
      ...trunk.params,
      filterSpec('decoder.0', [3, 3, 2 * width, 4 * width]),
      filterSpec('decoder.1', [3, 3, width, 2 * width]),
      filterSpec('decoder.2', [7, 7, width, channels]),
      biasSpec('decoder.2', channels),
    ],
    apply(params, x) {
      checkSize(x);
      const y = decode(params, trunk.apply(params, encode(params, x)));
      return config.keepLight ? withLightOf(x, y) : y;
    },
  };
}

const normRelu = (x: Tensor4D) => instanceNorm(x, { activation: 'relu' });

function encode(params: Params, x: Tensor4D): Tensor4D {
  let y = normRelu(convolve(params, 'encoder.0', reflectPad(x, 3), 1, 0));
  for (const layer of ['encoder.1', 'encoder.2']) y = normRelu(convolve(params, layer, y, 2, 1));
  return y;
}

function decode(params: Params, x: Tensor4D): Tensor4D {
  let y = x;
  for (const layer of ['decoder.0', 'decoder.1']) y = normRelu(upsample(params, layer, y));
  return tf.tanh(convolve(params, 'decoder.2', reflectPad(y, 3), 1, 0));
}

/** A face within this many deviations of its mean spans nearly all of its values. */
const spread = 3;
const eps = 1e-5;

/**
 * Stretches and shifts y in (-1, 1) to the mean and the deviation of each channel of each image of
 * x. The instance norm behind a generator's first convolution makes all that follows blind to
 * both: without this, a cycle cannot give them back.
 */
function withLightOf(x: Tensor4D, y: Tensor4D): Tensor4D {
  const mean = tf.mean(x, [1, 2], true);
  const variance = tf.mean(tf.square(tf.sub(x, mean)), [1, 2], true);
  return tf.add(tf.mul(y, tf.mul(tf.sqrt(tf.add(variance, eps)), spread)), mean);
}

function checkSize(x: Tensor4D): void {
  const [, height, width] = x.shape;
  for (const side of [height, width])
    if (side < 8 || side % 4 !== 0)
      throw expected("the generator's images", 'height and width divisible by 4, at least 8', [height, width]);
}

function nameOf(config: GeneratorConfig): string {
  const { generator, channels, baseWidth } = config;
  const colour = channels === 1 ? 'grey' : 'colour';
  if (generator === 'cyclegan')
    return `CycleGAN generator (${colour}, width ${baseWidth}, ${config.resBlocks} residual blocks)`;
  const { blocks, denseBlocks, subBlocks, growth, trunkNorm } = config;
  return (
    `ECycleGAN generator (${colour}, width ${baseWidth}, ${blocks} x ${denseBlocks} dense blocks ` +
    `of ${subBlocks}, growth ${growth}, ${trunkNorm === 'none' ? 'no' : trunkNorm} norm)`
  );
}
