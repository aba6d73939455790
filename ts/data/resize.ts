import sharp from 'sharp';

/** How images of another size than wanted are resized, everywhere: Catmull-Rom. */
export const resizeKernel = 'cubic';

/** Images resized at once. */
const concurrency = 16;

/**
 * Square grey images to another size.
 * @param pixels [n, from, from]
 * @returns [n, to, to]
 */
export async function resizeGrey(pixels: Uint8Array, from: number, to: number): Promise<Uint8Array> {
  if (from === to) return pixels;
  const n = pixels.length / from ** 2;
  const result = new Uint8Array(n * to ** 2);
  const resizeOne = async (i: number) => {
    const image = pixels.subarray(i * from ** 2, (i + 1) * from ** 2);
    const resized = await sharp(image, { raw: { width: from, height: from, channels: 1 } })
      .resize(to, to, { kernel: resizeKernel })
      .toColourspace('b-w')
      .raw()
      .toBuffer();
    result.set(resized, i * to ** 2);
  };
  for (let start = 0; start < n; start += concurrency)
    await Promise.all(Array.from({ length: Math.min(concurrency, n - start) }, (_, i) => resizeOne(start + i)));
  return result;
}
