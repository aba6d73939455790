import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import type { Philox } from '../base/random.js';

/** What a discriminator will see of one step's batch, decided before the batch exists. */
export interface ReplayPlan {
  /** Per sample: an index into [this step's n images, then `stored`]. */
  readonly sources: Int32Array;
  /** Slots whose images `sources` beyond n - 1 name, in that order. */
  readonly stored: readonly number[];
  /** Slots that this step's images take: [slot, index in the batch], in order. */
  readonly writes: readonly (readonly [slot: number, index: number])[];
}

/**
 * History of translated images (Shrivastava et al. 2017; rule of Zhu et al. 2017): until it is
 * full, an image is stored and shown; then, half of the time, a random stored image is shown and
 * replaced. Images stay on the engine. The choice needs no pixels, so it is an input of a step.
 */
export class ReplayBuffer {
  private readonly images: Tensor4D[] = [];

  constructor(
    readonly size: number,
    readonly random: Philox,
  ) {}

  /** Draws the choices for a batch of n images. */
  plan(n: number): ReplayPlan {
    const sources = Int32Array.from({ length: n }, (_, i) => i);
    const stored: number[] = [];
    const writes: [number, number][] = [];
    let filled = this.images.length;
    // A slot written by an earlier image of this very batch holds that image.
    const newest = new Map<number, number>();
    for (let i = 0; i < n && this.size > 0; i++) {
      if (filled < this.size) {
        newest.set(filled, i);
        writes.push([filled++, i]);
      } else if (this.random.uniform() < 0.5) {
        const slot = this.random.integer(this.size);
        const fresh = newest.get(slot);
        sources[i] = fresh ?? n + stored.push(slot) - 1;
        newest.set(slot, i);
        writes.push([slot, i]);
      }
    }
    return { sources, stored, writes };
  }

  /** The stored images a plan names, filled up to n samples with `filler`'s; a new tensor [n, h, w, c]. */
  read(plan: ReplayPlan, filler: Tensor4D): Tensor4D {
    return tf.tidy(() => {
      const n = filler.shape[0];
      const chosen = plan.stored.map((slot) => this.images[slot]!);
      if (chosen.length === n) return n === 1 ? chosen[0]!.clone() : tf.concat(chosen, 0);
      if (chosen.length === 0) return filler.clone();
      return tf.concat([...chosen, tf.slice(filler, 0, n - chosen.length)], 0);
    });
  }

  /** Stores what the plan said of a step's images, [n, h, w, c]. */
  write(plan: ReplayPlan, batch: Tensor4D): void {
    for (const [slot, index] of plan.writes) {
      this.images[slot]?.dispose();
      this.images[slot] = tf.keep(batch.shape[0] === 1 ? batch.clone() : tf.slice(batch, index, 1));
    }
  }

  /** The stored images, [1, h, w, c] each, still owned by the buffer. */
  contents(): readonly Tensor4D[] {
    return this.images;
  }

  /** Replaces the stored images; takes them over. */
  restore(images: readonly Tensor4D[]): void {
    this.dispose();
    this.images.push(...images.map((image) => tf.keep(image)));
  }

  dispose(): void {
    tf.dispose(this.images);
    this.images.length = 0;
  }
}
