import { luma } from '../base/colour.js';
import type { FaceSet } from '../data/faces.js';
import { resizeImages } from '../data/resize.js';
import { imagenet } from '../models/vgg19.js';
import type { EmbeddingInput } from './options.js';

type Images = Pick<FaceSet, 'pixels' | 'size' | 'channels'>;

/** byte * scale + shift of each channel, in the order that the network takes them. */
interface Scaling {
  readonly channels: readonly { readonly from: 0 | 1 | 2; readonly scale: number; readonly shift: number }[];
}

const rgb = [0, 1, 2] as const;

/** Means of ImageNet's pixels, BGR, as networks of Caffe subtract them. */
const caffeMeans = [104, 117, 123] as const;

const scalings: Readonly<Record<EmbeddingInput, Scaling>> = {
  signed: { channels: rgb.map((from) => ({ from, scale: 1 / 127.5, shift: -1 })) },
  unit: { channels: rgb.map((from) => ({ from, scale: 1 / 255, shift: 0 })) },
  imagenet: {
    channels: rgb.map((from) => ({
      from,
      scale: 1 / (255 * imagenet.std[from]!),
      shift: -imagenet.mean[from]! / imagenet.std[from]!,
    })),
  },
  caffe: { channels: caffeMeans.map((mean, c) => ({ from: rgb[2 - c]!, scale: 1, shift: -mean })) },
};

/**
 * Faces as a network of photographs takes them: resized, grey repeated to three channels, or colour
 * turned to grey where it takes one (which is then scaled like red).
 * @returns [indices.length, channels, side, side]
 */
export async function networkInput(
  faces: Images,
  indices: ArrayLike<number>,
  { side, channels, input }: { side: number; channels: 1 | 3; input: EmbeddingInput },
): Promise<Float32Array> {
  const each = faces.size ** 2 * faces.channels;
  const chosen = new Uint8Array(indices.length * each);
  for (let n = 0; n < indices.length; n++)
    chosen.set(faces.pixels.subarray(indices[n]! * each, (indices[n]! + 1) * each), n * each);
  const resized = await resizeImages(chosen, faces.channels, faces.size, side);
  const plane = side * side;
  const result = new Float32Array(indices.length * channels * plane);
  const wanted =
    channels === 1 ? [{ ...scalings[input].channels.find(({ from }) => from === 0)! }] : scalings[input].channels;
  let to = 0;
  for (let n = 0; n < indices.length; n++) {
    const start = n * plane * faces.channels;
    for (const { from, scale, shift } of wanted)
      for (let i = 0; i < plane; i++) {
        const at = start + i * faces.channels;
        const byte =
          faces.channels === 1
            ? resized[at]!
            : channels === 3
              ? resized[at + from]!
              : luma[0] * resized[at]! + luma[1] * resized[at + 1]! + luma[2] * resized[at + 2]!;
        result[to++] = byte * scale + shift;
      }
  }
  return result;
}
