import { Philox } from '../base/random.js';
import { readFaces } from '../data/batch.js';
import { DataOrder } from '../data/data-order.js';
import type { FaceSet } from '../data/faces.js';
import { classVotes } from '../data/votes.js';

export interface TrainingBatch {
  /** [n, side, side, channels] in about [-1, 1] */
  readonly images: Float32Array;
  readonly side: number;
  /** [n, classes], each row sums to the weight of the image, else 1. */
  readonly targets: Float32Array;
}

/** How images are changed at random each time that they are drawn. */
export const variations = ['none', 'flips-and-shifts', 'flips-shifts-and-light'] as const;
export type Variation = (typeof variations)[number];

/** Faces to train on; votes, where there are any, go before labels. */
export type TrainingFaces = Pick<FaceSet, 'pixels' | 'labels' | 'size' | 'channels' | 'classNames' | 'votes'>;

export interface BatchOptions {
  readonly batchSize: number;
  /** Part of every target that is spread over all classes. */
  readonly labelSmoothing: number;
  readonly seed: number;
  /** Default flips-shifts-and-light. */
  readonly variation?: Variation;
  /** natural (default): every image once a round; balanced: every class as often as any other. */
  readonly sampling?: 'natural' | 'balanced';
  /** What an image of each class counts in the loss. Default: 1 each. */
  readonly classWeights?: readonly number[];
}

/** Streams of a seed; classes that are drawn from one by one have those from `classes` on. */
const streams = { order: 40, augmentation: 41, classes: 1000 };

/** The widest shift, as a part of the side: 4 pixels of 48. */
const shiftPart = 1 / 12;
/** Contrast is 1 +- this, brightness 0 +- this. */
const lightSpread = 0.2;

/** Endless training batches: every image once a round, mirrored, shifted and lit at random. */
export class TrainingBatches {
  private readonly order: { next(): number };
  private readonly random: Philox;

  constructor(
    private readonly faces: TrainingFaces,
    indices: Int32Array,
    private readonly options: BatchOptions,
  ) {
    const { seed, sampling = 'natural' } = options;
    this.order = sampling === 'natural' ? new DataOrder(indices, seed, streams.order) : byClass(faces, indices, seed);
    this.random = new Philox(seed, streams.augmentation);
  }

  /** @param half give images of half the side: each pixel the mean of four */
  next(half: boolean): TrainingBatch {
    const { faces } = this;
    const { batchSize, labelSmoothing, classWeights } = this.options;
    const side = half ? faces.size / 2 : faces.size;
    const each = side * side * faces.channels;
    const classes = faces.classNames.length;
    const images = new Float32Array(batchSize * each);
    const targets = new Float32Array(batchSize * classes);
    for (let n = 0; n < batchSize; n++) {
      const i = this.order.next();
      const image = this.vary(i);
      const weight = classWeights?.[faces.labels[i]!] ?? 1;
      images.set(half ? halved(image, faces.size, faces.channels) : image, n * each);
      targets.set(
        targetOf(faces, i).map((part) => weight * ((1 - labelSmoothing) * part + labelSmoothing / classes)),
        n * classes,
      );
    }
    return { images, side, targets };
  }

  /** One image as a network takes it, changed as a camera or a mirror might; edges repeat. */
  private vary(i: number): Float32Array {
    const { pixels, size, channels } = this.faces;
    const { random } = this;
    const { variation = 'flips-shifts-and-light' } = this.options;
    if (variation === 'none') return readFaces(this.faces, [i]);
    const light = variation === 'flips-and-shifts' ? 0 : lightSpread;
    const widest = Math.floor(size * shiftPart);
    const mirrored = random.uniform() < 0.5;
    const shiftX = random.integer(2 * widest + 1) - widest;
    const shiftY = random.integer(2 * widest + 1) - widest;
    const contrast = 1 + light * (2 * random.uniform() - 1);
    const brightness = light * (2 * random.uniform() - 1);
    const start = i * size * size * channels;
    const result = new Float32Array(size * size * channels);
    const inside = (at: number) => Math.max(0, Math.min(size - 1, at));
    let to = 0;
    for (let y = 0; y < size; y++) {
      const row = start + inside(y + shiftY) * size * channels;
      for (let x = 0; x < size; x++) {
        const column = inside(x + shiftX);
        const from = row + (mirrored ? size - 1 - column : column) * channels;
        for (let c = 0; c < channels; c++) result[to++] = (pixels[from + c]! / 127.5 - 1) * contrast + brightness;
      }
    }
    return result;
  }
}

/** Draws a class, each as often as any other, then one of its images, each once a round. */
function byClass({ labels, classNames }: TrainingFaces, indices: Int32Array, seed: number): { next(): number } {
  const orders = classNames.map((_, label) => {
    const own = indices.filter((i) => labels[i] === label);
    return own.length === 0 ? undefined : new DataOrder(own, seed, streams.classes + label);
  });
  const present = Int32Array.from(orders.flatMap((order, label) => (order ? [label] : [])));
  const order = new DataOrder(present, seed, streams.order);
  return { next: () => orders[order.next()]!.next() };
}

/** What a network should say of image i: the FER+ votes as fractions where there are any, else its label. */
export function targetOf({ votes, labels, classNames }: TrainingFaces, i: number): number[] {
  const counts = votes ? classVotes(votes, i) : [];
  const sum = counts.reduce((a, b) => a + b, 0);
  return sum > 0 ? counts.map((count) => count / sum) : classNames.map((_, label) => (label === labels[i] ? 1 : 0));
}

/** The mean of each 2x2 pixels of [size, size, channels]. */
function halved(image: Float32Array, size: number, channels: number): Float32Array {
  const half = size / 2;
  const row = size * channels;
  const result = new Float32Array(half * half * channels);
  let to = 0;
  for (let y = 0; y < half; y++)
    for (let x = 0; x < half; x++)
      for (let c = 0; c < channels; c++) {
        const at = 2 * y * row + 2 * x * channels + c;
        result[to++] = (image[at]! + image[at + channels]! + image[at + row]! + image[at + row + channels]!) / 4;
      }
  return result;
}
