import type { Tensor4D } from '@tensorflow/tfjs-core';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { UserError } from '../base/errors.js';
import { checkParams } from './host-params.js';
import type { HostParams, Network } from './network.js';
import { toOwnVgg19 } from './vgg19-files.js';
import { vgg19Features, type Normalisation } from './vgg19.js';
import { readWeights } from './weights.js';

/** The network that ships: trained on faces by `npm run pretrain`. */
const defaultFile = fileURLToPath(new URL('../../models/faces-vgg19-w50.safetensors', import.meta.url));

/** What perceptual losses compare unless told otherwise. */
export const defaultFeatureLayers = ['relu5_4'] as const;

export interface FeatureNetwork {
  readonly network: Network<Tensor4D[]>;
  /** The network's weights and no others. */
  readonly params: HostParams;
  readonly file: string;
  readonly layers: readonly string[];
  readonly width: number;
  readonly channels: 1 | 3;
  readonly normalise: Normalisation | undefined;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Metadata of a weight file that says how its images must come; {@link loadFeatureNetwork} reads it. */
export interface FeatureMetadata {
  /** Times VGG19's channels. */
  readonly width: number;
  /** null: images enter as they are, in [-1, 1]. */
  readonly normalise: Normalisation | null;
}

/** The metadata entries of a feature network's weight file. */
export function featureMetadata({ width, normalise }: FeatureMetadata): Record<string, string> {
  return { width: String(width), normalise: JSON.stringify(normalise) };
}

const numbers = z.array(z.number()).min(1);
const normaliseSchema = z.strictObject({ mean: numbers, std: z.array(z.number().gt(0)).min(1) }).nullable();

/**
 * Reads the weights of a VGG19-shaped feature network: a file of `npm run pretrain`, or an ImageNet
 * VGG19 as torchvision and others name its layers (see vgg19-files.ts).
 * @param file safetensors or npz; `default` is the network that ships
 * @param layers what `network.apply` gives, e.g. ['relu3_1', 'relu5_4']
 * @throws UserError naming the file, for one that cannot be read, is no VGG19, or lacks a layer
 */
export async function loadFeatureNetwork(
  file: string,
  layers: readonly string[] = defaultFeatureLayers,
): Promise<FeatureNetwork> {
  const path = file === 'default' ? defaultFile : file;
  const { params: stored, metadata } = await readWeights(path);
  const { params, normalise: implied } = toOwnVgg19(stored, path);
  const [, , channels, outputs] = params['conv1_1.filter']!.shape as [number, number, number, number];
  if (channels !== 1 && channels !== 3)
    throw new UserError(`${path}: conv1_1 takes ${channels} channels, expected 1 or 3.`);
  const width = metadata['width'] === undefined ? outputs / 64 : Number(metadata['width']);
  if (!(width > 0 && width <= 4))
    throw new UserError(`${path}: its width is ${metadata['width'] ?? width}, expected a number above 0, at most 4.`);
  const normalise =
    metadata['normalise'] === undefined ? implied : readNormalise(metadata['normalise'], channels, path);
  const network = vgg19Features({ width, layers, channels, normalise });
  return {
    network,
    params: checkParams(network, params, path, 'ignore'),
    file: path,
    layers,
    width,
    channels,
    normalise,
    metadata,
  };
}

function readNormalise(text: string, channels: number, path: string): Normalisation | undefined {
  let parsed;
  try {
    parsed = normaliseSchema.parse(JSON.parse(text));
  } catch {
    throw new UserError(
      `${path}: its metadata gives the normalisation '${text}', expected {"mean": [...], "std": [...]} or null.`,
    );
  }
  if (parsed && (parsed.mean.length !== channels || parsed.std.length !== channels))
    throw new UserError(`${path}: its normalisation is not for ${channels} channels.`);
  return parsed ?? undefined;
}
