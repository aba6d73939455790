import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { StepRunner } from '../backend/capture/step-runner.js';
import { writeAtomic } from '../base/files.js';
import { imageGrid, toBytes } from '../report/image-grid.js';
import type { Params } from '../models/network.js';
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
  const runner = new StepRunner((state: object, { x, params }: { x: Tensor4D; params: Params }) => ({
    state,
    outputs: { y: trainer.networks.generatorAB.apply(params, x) },
  }));
  const translate: Translate = async (name, x) => (await runner.run({}, { x, params: trainer.params(name) })).outputs.y;
  let rows: Uint8Array[];
  try {
    rows = [
      ...(await translations(translate, a, 'generatorAB', 'generatorBA', size, channels)),
      ...(await translations(translate, b, 'generatorBA', 'generatorAB', size, channels)),
    ];
  } finally {
    runner.dispose();
  }
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

type Generator = 'generatorAB' | 'generatorBA';
type Translate = (name: Generator, x: Tensor4D) => Promise<Tensor4D>;

/** Bytes of images [n, size, size, channels], of their translations, and of the translations' way back. */
async function translations(
  translate: Translate,
  images: Float32Array,
  there: Generator,
  back: Generator,
  size: number,
  channels: 1 | 3,
): Promise<Uint8Array[]> {
  const real = tf.tensor4d(images, [images.length / (size * size * channels), size, size, channels]);
  const translated = await translate(there, real);
  const cycled = await translate(back, translated);
  const rows = [
    toBytes(images),
    toBytes((await translated.data()) as Float32Array),
    toBytes((await cycled.data()) as Float32Array),
  ];
  tf.dispose([real, translated, cycled]);
  return rows;
}
