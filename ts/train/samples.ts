import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { writeAtomic } from '../base/files.js';
import { imageGrid, toBytes } from '../report/image-grid.js';
import type { Trainer } from './trainer.js';

/** Sides of about this many pixels can be judged by eye. */
const shownSide = 96;

/**
 * Writes a sheet of the same faces every time: a row of A, of A -> B, of A -> B -> A, then the
 * same from B.
 * @throws UserError when it cannot be written
 */
export async function writeSamples(
  path: string,
  trainer: Trainer,
  { samples, size, channels }: { samples: number; size: number; channels: 1 | 3 },
): Promise<void> {
  const { a, b } = trainer.fixedImages(samples);
  const columns = Math.max(a.length, b.length) / (size * size * channels);
  const rows = [
    ...(await translations(trainer, a, 'generatorAB', 'generatorBA', size, channels)),
    ...(await translations(trainer, b, 'generatorBA', 'generatorAB', size, channels)),
  ];
  const blank = new Uint8Array(size * size * channels).fill(255);
  const images = rows.flatMap((row) =>
    Array.from({ length: columns }, (_, i) => {
      const image = row.subarray(i * blank.length, (i + 1) * blank.length);
      return image.length > 0 ? image : blank;
    }),
  );
  const { classA, classB } = trainer;
  const png = await imageGrid(images, {
    size,
    channels,
    columns,
    scale: Math.max(1, Math.round(shownSide / size)),
    title: `Step ${trainer.step}`,
    rowLabels: [classA, `to ${classB}`, `and back`, classB, `to ${classA}`, `and back`],
    breaks: [3],
  });
  await writeAtomic(path, png);
}

/** Bytes of images [n, size, size, channels], of their translations, and of the translations' way back. */
async function translations(
  trainer: Trainer,
  images: Float32Array,
  there: 'generatorAB' | 'generatorBA',
  back: 'generatorAB' | 'generatorBA',
  size: number,
  channels: 1 | 3,
): Promise<Uint8Array[]> {
  const translate = (name: typeof there, x: Tensor4D) => trainer.networks[name].apply(trainer.params(name), x);
  const [translated, cycled] = tf.tidy((): [Tensor4D, Tensor4D] => {
    const real = tf.tensor4d(images, [images.length / (size * size * channels), size, size, channels]);
    const fake = translate(there, real);
    return [fake, translate(back, fake)];
  });
  const rows = [
    toBytes(images),
    toBytes((await translated.data()) as Float32Array),
    toBytes((await cycled.data()) as Float32Array),
  ];
  tf.dispose([translated, cycled]);
  return rows;
}
