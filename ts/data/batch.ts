import type { FaceSet } from './face-set.js';

/**
 * Images as a network takes them: byte / 127.5 - 1, so in [-1, 1].
 * @param indices which images, in this order
 * @param flips per index, whether it is mirrored left to right
 * @returns [indices.length, size, size, channels]
 */
export function readFaces(
  { pixels, size, channels }: Pick<FaceSet, 'pixels' | 'size' | 'channels'>,
  indices: ArrayLike<number>,
  flips?: ArrayLike<boolean | number>,
): Float32Array {
  const row = size * channels;
  const image = size * row;
  const result = new Float32Array(indices.length * image);
  let at = 0;
  for (let n = 0; n < indices.length; n++) {
    const start = indices[n]! * image;
    if (!flips?.[n]) {
      for (let i = 0; i < image; i++) result[at++] = pixels[start + i]! / 127.5 - 1;
      continue;
    }
    for (let y = 0; y < size; y++)
      for (let x = size - 1; x >= 0; x--)
        for (let c = 0; c < channels; c++) result[at++] = pixels[start + y * row + x * channels + c]! / 127.5 - 1;
  }
  return result;
}
