import * as tf from '@tensorflow/tfjs-core';
import { setImmediate } from 'node:timers/promises';
import { UserError } from '../base/errors.js';
import { readFaces } from '../data/batch.js';
import type { FaceSet } from '../data/faces.js';
import { loadFeatureNetwork } from '../models/feature-network.js';
import { uploadParams } from '../models/host-params.js';
import { openFeatures } from '../onnx/feature-session.js';
import type { EmbeddingSettings } from './options.js';
import { networkInput } from './pixels.js';

type Images = Pick<FaceSet, 'pixels' | 'size' | 'channels'>;

/** Vectors of one length, one for each image. */
export interface Embeddings {
  readonly count: number;
  readonly dimensions: number;
  /** [count, dimensions] */
  readonly values: Float32Array;
}

/** Describes images by vectors that lie near each other where a network finds the images alike. */
export interface Embedder {
  /** For reports: figures on different embeddings cannot be compared. */
  readonly name: string;
  /** @throws UserError for images that the network does not take */
  embed(
    faces: Images,
    indices: ArrayLike<number>,
    events?: { signal?: AbortSignal; onProgress?: (images: number) => void },
  ): Promise<Embeddings>;
  close(): Promise<void>;
}

/** Of the network of faces: the last convolution, averaged over the face. */
const layer = 'relu5_4';
const batchSize = 64;
const photographSide = 224;

/**
 * Opens what describes faces: the network of faces that ships, VGG19 weights (both on the current
 * engine), or an ONNX network.
 * @throws UserError naming the file when it cannot be used
 */
export async function openEmbedder(settings: EmbeddingSettings): Promise<Embedder> {
  return settings.embedding.endsWith('.onnx') ? onnxEmbedder(settings) : faceEmbedder(settings);
}

async function faceEmbedder({ embedding, embeddingOutput, embeddingSize }: EmbeddingSettings): Promise<Embedder> {
  if (embeddingOutput !== null || embeddingSize !== null)
    throw new UserError(`--embedding-output and --embedding-size are for ONNX networks, not for ${embedding}.`);
  const { network, params: host, file } = await loadFeatureNetwork(embedding, [layer]);
  const params = uploadParams(host);
  return {
    name: `${layer} of ${baseOf(file)}`,
    embed: (faces, indices, events) =>
      inBatches(indices, events, (some) => {
        const { size, channels } = faces;
        if (size < 16) throw new UserError(`${file} takes images from 16 pixels a side, not ${size}.`);
        return tf.tidy(() => {
          const x = tf.tensor4d(readFaces(faces, some), [some.length, size, size, channels]);
          return tf.mean(network.apply(params, x)[0]!, [1, 2]).dataSync() as Float32Array;
        });
      }),
    close() {
      tf.dispose(params);
      return Promise.resolve();
    },
  };
}

async function onnxEmbedder(settings: EmbeddingSettings): Promise<Embedder> {
  const { embedding, embeddingOutput, embeddingInput, embeddingSize } = settings;
  const session = await openFeatures(embedding, { output: embeddingOutput });
  const side = embeddingSize ?? session.size ?? photographSide;
  if (session.size !== undefined && side !== session.size) {
    await session.close();
    throw new UserError(`${embedding} takes images of ${session.size} pixels a side, not ${side}.`);
  }
  return {
    name: `${session.output} of ${baseOf(embedding)} at ${side} pixels`,
    embed: (faces, indices, events) =>
      inBatches(indices, events, async (some) => {
        const images = await networkInput(faces, some, { side, channels: session.channels, input: embeddingInput });
        return session.run(images, some.length, side);
      }),
    close: () => session.close(),
  };
}

const baseOf = (path: string): string => path.split('/').at(-1)!;

async function inBatches(
  indices: ArrayLike<number>,
  { signal, onProgress }: { signal?: AbortSignal; onProgress?: (images: number) => void } = {},
  embed: (some: Int32Array) => Float32Array | Promise<Float32Array>,
): Promise<Embeddings> {
  const all = Int32Array.from(indices);
  let values: Float32Array | undefined;
  let dimensions = 0;
  for (let start = 0; start < all.length; start += batchSize) {
    const some = all.subarray(start, start + batchSize);
    const vectors = await embed(some);
    dimensions = vectors.length / some.length;
    values ??= new Float32Array(all.length * dimensions);
    values.set(vectors, start * dimensions);
    onProgress?.(start + some.length);
    await setImmediate();
    signal?.throwIfAborted();
  }
  const bad = values?.findIndex((value) => !Number.isFinite(value)) ?? -1;
  if (bad >= 0) throw new UserError(`The embedding of image ${Math.floor(bad / dimensions) + 1} holds no numbers.`);
  return { count: all.length, dimensions, values: values ?? new Float32Array() };
}
