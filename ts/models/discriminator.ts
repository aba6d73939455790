import * as tf from '@tensorflow/tfjs-core';
import { expected } from '../base/errors.js';
import { instanceNorm } from '../ops/instance-norm.js';
import { biasSpec, convolve, filterSpec } from './layers.js';
import type { Network, ParamSpec } from './network.js';

/** Which discriminator; the names are those of the training options. */
export interface DiscriminatorConfig {
  readonly channels: 1 | 3;
  /** Channels after the first convolution; they double up to eight times as many. */
  readonly discriminatorWidth: number;
  /** Convolutions of stride 2; each halves the map and widens what one logit sees. */
  readonly discriminatorLayers: number;
}

/** Slope of the LeakyReLUs. */
const slope = 0.2;

/**
 * PatchGAN (Isola et al. 2017): images [n, h, w, channels] in [-1, 1] to a map of logits
 * [n, h', w', 1], h' = floor(h / 2^discriminatorLayers) - 2, one for each patch. Every convolution
 * is 4x4 with pad 1.
 *
 * Parameters, in order: `layers.0.filter` and `.bias`; `layers.1.filter`, ... with an instance norm
 * after each; the last `layers.<discriminatorLayers + 1>.filter` and `.bias`.
 */
export function makeDiscriminator(config: DiscriminatorConfig): Network {
  const { channels, discriminatorWidth, discriminatorLayers: halvings } = config;
  const widths = Array.from({ length: halvings + 1 }, (_, i) => discriminatorWidth * Math.min(2 ** i, 8));
  const last = widths.length;
  return {
    name: `PatchGAN discriminator (${channels === 1 ? 'grey' : 'colour'}, width ${discriminatorWidth}, ${halvings} layers)`,
    params: [...widths, 1].flatMap((outputs, i): ParamSpec[] => {
      const name = `layers.${i}`;
      const filter = filterSpec(name, [4, 4, widths[i - 1] ?? channels, outputs]);
      return i === 0 || i === last ? [filter, biasSpec(name, outputs)] : [filter];
    }),
    apply(params, x) {
      const [, height, width] = x.shape;
      const smallest = 3 * 2 ** halvings;
      if (Math.min(height, width) < smallest)
        throw expected(`the images of a discriminator of ${halvings} layers`, `at least ${smallest} pixels a side`, [
          height,
          width,
        ]);
      let y = tf.leakyRelu(convolve(params, 'layers.0', x, 2, 1), slope);
      for (let i = 1; i < last; i++)
        y = instanceNorm(convolve(params, `layers.${i}`, y, i < halvings ? 2 : 1, 1), {
          activation: 'leakyRelu',
          slope,
        });
      return convolve(params, `layers.${last}`, y, 1, 1);
    },
  };
}
