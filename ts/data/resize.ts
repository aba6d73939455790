import sharp from 'sharp';

/** How images of another size than wanted are resized, everywhere: Catmull-Rom. */
export const resizeKernel = 'cubic';

/** Images resized at once. */
const concurrency = 16;

/**
 * Square images to another size.
 * @param pixels [n, from, from, channels]
 * @returns [n, to, to, channels]
 */
export async function resizeImages(pixels: Uint8Array, channels: 1 | 3, from: number, to: number): Promise<Uint8Array> {
  if (from === to) return pixels;
  const [bytesFrom, bytesTo] = [from ** 2 * channels, to ** 2 * channels];
  const n = pixels.length / bytesFrom;
  const result = new Uint8Array(n * bytesTo);
  const resizeOne = async (i: number) => {
    const image = pixels.subarray(i * bytesFrom, (i + 1) * bytesFrom);
    const resized = await sharp(image, { raw: { width: from, height: from, channels } })
      .resize(to, to, { kernel: resizeKernel })
      .toColourspace(channels === 1 ? 'b-w' : 'srgb')
      .raw()
      .toBuffer();
    result.set(resized, i * bytesTo);
  };
  for (let start = 0; start < n; start += concurrency)
    await Promise.all(Array.from({ length: Math.min(concurrency, n - start) }, (_, i) => resizeOne(start + i)));
  return result;
}
