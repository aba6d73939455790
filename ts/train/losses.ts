import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor4D } from '@tensorflow/tfjs-core';

/** lsgan: Mao et al. 2017; vanilla: Goodfellow et al. 2014; wgan-gp: Gulrajani et al. 2017. */
export type GanLoss = 'lsgan' | 'vanilla' | 'wgan-gp';

/** Names of the entries of what a step reports, weights included: generator losses add up to its objective. */
export const lossNames = [
  'adversarialAB',
  'adversarialBA',
  'cycleA',
  'cycleB',
  'features',
  'identityA',
  'identityB',
  'discriminatorA',
  'discriminatorB',
] as const;
export type LossName = (typeof lossNames)[number];

/** Mean absolute difference. */
export function l1(x: Tensor, y: Tensor): Scalar {
  return tf.mean(tf.abs(tf.sub(x, y)));
}

/**
 * What a generator minimises for its images to pass as real.
 * @param logits a discriminator's map on them, [n, h, w, 1], before any activation
 */
export function adversarialLoss(kind: GanLoss, logits: Tensor4D): Scalar {
  switch (kind) {
    case 'lsgan':
      return tf.mean(tf.square(tf.sub(logits, 1)));
    case 'vanilla':
      return tf.mean(tf.softplus(tf.neg(logits)));
    case 'wgan-gp':
      return tf.neg(tf.mean(logits)) as Scalar;
  }
}

/**
 * What a discriminator minimises. The mean of its two halves for lsgan and vanilla, as in Zhu et
 * al. 2017; the plain difference for wgan-gp (its penalty is {@link gradientPenalty}).
 * @param realLabels [n, 1, 1, 1]: 1, or 0 where the label of a real image is flipped
 */
export function discriminatorLoss(kind: GanLoss, onReal: Tensor4D, onFake: Tensor4D, realLabels: Tensor4D): Scalar {
  switch (kind) {
    case 'lsgan': {
      const real = tf.mean(tf.square(tf.sub(onReal, realLabels)));
      return tf.mul(0.5, tf.add(real, tf.mean(tf.square(onFake))));
    }
    case 'vanilla': {
      // Binary cross-entropy on logits x and label z: softplus(x) - x z.
      const real = tf.mean(tf.sub(tf.softplus(onReal), tf.mul(onReal, realLabels)));
      return tf.mul(0.5, tf.add(real, tf.mean(tf.softplus(onFake))));
    }
    case 'wgan-gp': {
      const signs = tf.sub(tf.mul(realLabels, 2), 1);
      return tf.sub(tf.mean(onFake), tf.mean(tf.mul(onReal, signs)));
    }
  }
}

/**
 * Mean over the batch of (|d critic / d x| - 1)^2, the critic being the mean of a sample's map.
 * Differentiable in the critic's weights: every op of the critic needs a gradient of its gradient.
 * @param critic maps [n, h, w, c] to [n, h', w', 1], each sample on its own
 * @param x points between real and fake images
 */
export function gradientPenalty(critic: (x: Tensor4D) => Tensor4D, x: Tensor4D): Scalar {
  const slope = tf.grad((at: Tensor) => tf.sum(tf.mean(critic(at as Tensor4D), [1, 2, 3])))(x);
  // The small constant keeps the root's own slope finite where the critic is flat.
  const norm = tf.sqrt(tf.add(tf.sum(tf.square(slope), [1, 2, 3]), 1e-12));
  return tf.mean(tf.square(tf.sub(norm, 1)));
}
