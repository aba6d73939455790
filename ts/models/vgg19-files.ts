import { UserError } from '../base/errors.js';
import type { HostParams } from './network.js';
import { imagenet, vgg19Convs, type Normalisation } from './vgg19.js';

const convNames = vgg19Convs({ width: 1, channels: 3 }).map(({ name }) => name);
/** The places of the convolutions in torchvision's `vgg19().features`, which counts relus and poolings too. */
const torchvisionPlaces = [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34];

export interface OwnVgg19 {
  /** As vgg19Features names and shapes them. */
  readonly params: HostParams;
  /** What the file's form implies about its images. */
  readonly normalise: Normalisation | undefined;
}

/**
 * Brings a VGG19's weights to this project's names and layout. Understood are
 * - `conv1_1.filter` [3, 3, in, out] and `conv1_1.bias`: this project's own;
 * - `conv1_1.weight` [out, in, 3, 3] and `conv1_1.bias`, with a 1x1 `conv0` before them that
 *   reorders and normalises the channels of images in [0, 1], or ImageNet's normalisation;
 * - `features.0.weight` [out, in, 3, 3] and `features.0.bias`: torchvision and timm.
 * @param file named in errors
 * @throws UserError for anything else
 */
export function toOwnVgg19(stored: HostParams, file: string): OwnVgg19 {
  if (stored['conv1_1.filter']) {
    if (stored['conv1_1.filter'].shape.length !== 4)
      throw new UserError(`${file}: conv1_1.filter has shape [${stored['conv1_1.filter'].shape.join(', ')}].`);
    return { params: stored, normalise: undefined };
  }
  const torchvision = stored['features.0.weight'] !== undefined;
  if (stored['features.1.running_mean'])
    throw new UserError(`${file} is a VGG with batch normalisation, expected one without.`);
  const nameOf = (i: number) => (torchvision ? `features.${torchvisionPlaces[i]}` : convNames[i]!);
  const params: Record<string, HostParams[string]> = {};
  convNames.forEach((name, i) => {
    const weight = stored[`${nameOf(i)}.weight`];
    const bias = stored[`${nameOf(i)}.bias`];
    if (!weight || !bias) return;
    params[`${name}.filter`] = toHwio(weight, `${file}, tensor ${nameOf(i)}.weight`);
    params[`${name}.bias`] = bias;
  });
  const first = params['conv1_1.filter'];
  if (!first)
    throw new UserError(
      `${file} is no VGG19: expected conv1_1.filter, conv1_1.weight or features.0.weight, but it holds ` +
        `${Object.keys(stored).slice(0, 3).join(', ')}, ...`,
    );
  if (!stored['conv0.weight']) return { params, normalise: first.shape[2] === 3 ? imagenet : undefined };
  const { order, normalise } = readConv0(stored, file);
  params['conv1_1.filter'] = reorderInputs(first, order);
  return { params, normalise };
}

/** [out, in, h, w] to [h, w, in, out]. */
function toHwio({ shape, values }: HostParams[string], where: string): HostParams[string] {
  if (shape.length !== 4) throw new UserError(`${where} has shape [${shape.join(', ')}], expected [out, in, 3, 3].`);
  const [outputs, inputs, height, width] = shape as [number, number, number, number];
  const result = new Float32Array(values.length);
  let at = 0;
  for (let h = 0; h < height; h++)
    for (let w = 0; w < width; w++)
      for (let i = 0; i < inputs; i++)
        for (let o = 0; o < outputs; o++) result[at++] = values[((o * inputs + i) * height + h) * width + w]!;
  return { shape: [height, width, inputs, outputs], values: result };
}

/**
 * A leading 1x1 convolution that only reorders, scales and shifts channels, as a normalisation and
 * an order: the network's channel c is the image's channel order[c].
 */
function readConv0(stored: HostParams, file: string): { order: number[]; normalise: Normalisation } {
  const refuse = () => new UserError(`${file}: its conv0 does more than reorder, scale and shift 3 channels.`);
  const weight = stored['conv0.weight']!;
  const bias = stored['conv0.bias'];
  if (weight.shape.join() !== '3,3,1,1' || bias?.shape.join() !== '3') throw refuse();
  const order: number[] = [];
  const mean = [0, 0, 0];
  const std = [1, 1, 1];
  for (let c = 0; c < 3; c++) {
    const row = weight.values.subarray(3 * c, 3 * c + 3);
    const from = row.findIndex((w) => w > 0);
    if (from < 0 || row.some((w, i) => i !== from && w !== 0) || order.includes(from)) throw refuse();
    order.push(from);
    // weight * x + bias = (x - mean) / std
    std[from] = 1 / row[from]!;
    mean[from] = -bias.values[c]! / row[from]!;
  }
  return { order, normalise: { mean, std } };
}

/** A filter [h, w, in, out] that took its inputs in the given order, for inputs in the image's. */
function reorderInputs({ shape, values }: HostParams[string], order: readonly number[]): HostParams[string] {
  const [, , inputs, outputs] = shape as [number, number, number, number];
  const result = new Float32Array(values.length);
  for (let start = 0; start < values.length; start += inputs * outputs)
    order.forEach((to, from) =>
      result.set(values.subarray(start + from * outputs, start + (from + 1) * outputs), start + to * outputs),
    );
  return { shape, values: result };
}
