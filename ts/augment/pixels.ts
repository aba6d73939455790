import { toBytes } from '../report/image-grid.js';

/** Side and channels of square images. */
export interface ImageShape {
  readonly size: number;
  readonly channels: 1 | 3;
}

/** Images [size, size, channels] of bytes as a generator's input: NCHW in [-1, 1]. */
export function toInput(images: readonly Uint8Array[], { size, channels }: ImageShape): Float32Array {
  const plane = size * size;
  const input = new Float32Array(images.length * plane * channels);
  let at = 0;
  for (const image of images)
    for (let c = 0; c < channels; c++)
      for (let i = c; i < image.length; i += channels) input[at++] = image[i]! / 127.5 - 1;
  return input;
}

/**
 * A generator's output, NCHW, as images [size, size, channels] of bytes.
 * @throws Error where a value is not finite
 */
export function toImages(output: Float32Array, { size, channels }: ImageShape): Uint8Array[] {
  const plane = size * size;
  const bytes = toBytes(output);
  if (!isFinite(output)) throw new Error('it gives values that are no numbers');
  return Array.from({ length: bytes.length / (plane * channels) }, (_, n) => {
    const planes = bytes.subarray(n * plane * channels, (n + 1) * plane * channels);
    if (channels === 1) return planes;
    const image = new Uint8Array(planes.length);
    for (let c = 0; c < channels; c++)
      for (let from = c * plane, to = c; to < image.length; from++, to += channels) image[to] = planes[from]!;
    return image;
  });
}

/** Whether all values are; `every` takes several times as long. */
function isFinite(values: Float32Array): boolean {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return false;
  return true;
}
