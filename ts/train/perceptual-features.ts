import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { loadFeatureNetwork } from '../models/feature-network.js';
import { uploadParams } from '../models/host-params.js';
import type { HostParams, Params } from '../models/network.js';
import { featureStack, type Vgg19Config } from '../models/vgg19.js';
import { featuresOf, type FeatureStack } from '../ops/perceptual-loss.js';
import type { TrainConfig } from './options.js';
import type { StepFeatures } from './step.js';

/** Real images' features beyond this are computed whenever they are needed. */
const cacheBytes = 256 * 2 ** 20;

/**
 * The feature network of the perceptual loss, and the features of the data set's images, computed
 * at most once for an image and once for its mirror image. Each image passes alone, so that its
 * features are the same to the bit whether they were kept or not. Nothing is evicted: images come
 * in random order, so those kept first are as good as any.
 */
export class PerceptualFeatures implements StepFeatures {
  readonly stack: FeatureStack;
  private readonly network: StepFeatures;
  private readonly kept = new Map<string, readonly Tensor4D[]>();
  private bytes = 0;

  private constructor(
    private readonly params: Params,
    config: Vgg19Config,
  ) {
    this.network = featureStack(config, params);
    this.stack = this.network.stack;
  }

  prepare(x: Tensor4D): Tensor4D {
    return this.network.prepare(x);
  }

  /**
   * Loads what a configuration asks for; undefined where features weigh nothing.
   * @throws UserError naming the file
   */
  static async load(config: TrainConfig): Promise<PerceptualFeatures | undefined> {
    if (config.perceptualAlpha * config.lambdaCycle === 0) return undefined;
    const loaded = await loadFeatureNetwork(config.features, config.featureLayers ?? undefined);
    return PerceptualFeatures.of(loaded, loaded.params);
  }

  /** A feature network of these weights. */
  static of(config: Vgg19Config, params: HostParams): PerceptualFeatures {
    return new PerceptualFeatures(uploadParams(params), config);
  }

  /**
   * Features of images of the data set, one tensor [n, h, w, c] a tap.
   * @param images [n, h, w, c], asked for only if some are not kept
   */
  ofImages(indices: readonly number[], flips: readonly boolean[], images: () => Tensor4D): Tensor4D[] {
    return tf.tidy(() => {
      let batch: Tensor4D | undefined;
      const each = indices.map((index, i) => {
        const key = `${index}${flips[i] ? ' mirrored' : ''}`;
        const known = this.kept.get(key);
        if (known) return known;
        batch ??= images();
        const features = featuresOf(this.stack, this.prepare(tf.slice(batch, i, 1)));
        this.keep(key, features);
        return features;
      });
      return this.stack.taps.map((_, tap) =>
        tf.concat(
          each.map((features) => features[tap]!),
          0,
        ),
      );
    });
  }

  private keep(key: string, features: readonly Tensor4D[]): void {
    const size = features.reduce((sum, tensor) => sum + tensor.size * Float32Array.BYTES_PER_ELEMENT, 0);
    if (this.bytes + size > cacheBytes) return;
    this.bytes += size;
    this.kept.set(
      key,
      features.map((tensor) => tf.keep(tensor)),
    );
  }

  dispose(): void {
    for (const features of this.kept.values()) tf.dispose([...features]);
    this.kept.clear();
    this.bytes = 0;
    tf.dispose(this.params);
  }
}
