import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { StepRunner } from '../backend/capture/step-runner.js';
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
  private readonly runner: StepRunner<object, { image: Tensor4D }, { features: Tensor4D[] }>;
  private bytes = 0;

  private constructor(
    private readonly params: Params,
    config: Vgg19Config,
  ) {
    this.network = featureStack(config, params);
    this.stack = this.network.stack;
    this.runner = new StepRunner((state, { image }) => ({
      state,
      outputs: { features: featuresOf(this.stack, this.prepare(image)) },
    }));
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
   * Features of images of the data set, one new tensor [n, h, w, c] a tap.
   * @param images [n, h, w, c]
   */
  async ofImages(indices: readonly number[], flips: readonly boolean[], images: Tensor4D): Promise<Tensor4D[]> {
    const each: (readonly Tensor4D[])[] = [];
    const notKept: Tensor4D[] = [];
    for (const [i, index] of indices.entries()) {
      const key = `${index}${flips[i] ? ' mirrored' : ''}`;
      let features = this.kept.get(key);
      if (!features) {
        features = await this.compute(images, i);
        if (!this.keep(key, features)) notKept.push(...features);
      }
      each.push(features);
    }
    const batch = this.stack.taps.map((_, tap) =>
      tf.concat(
        each.map((features) => features[tap]!),
        0,
      ),
    );
    tf.dispose(notKept);
    return batch;
  }

  private async compute(images: Tensor4D, i: number): Promise<Tensor4D[]> {
    const image = tf.slice(images, i, 1);
    try {
      return (await this.runner.run({}, { image })).outputs.features;
    } finally {
      image.dispose();
    }
  }

  /** Whether there was room for them. */
  private keep(key: string, features: readonly Tensor4D[]): boolean {
    const size = features.reduce((sum, tensor) => sum + tensor.size * Float32Array.BYTES_PER_ELEMENT, 0);
    if (this.bytes + size > cacheBytes) return false;
    this.bytes += size;
    this.kept.set(key, features);
    return true;
  }

  dispose(): void {
    for (const features of this.kept.values()) tf.dispose([...features]);
    this.kept.clear();
    this.bytes = 0;
    this.runner.dispose();
    tf.dispose(this.params);
  }
}
