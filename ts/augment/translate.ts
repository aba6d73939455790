import { messageOf, UserError } from '../base/errors.js';
import type { FaceSet } from '../data/faces.js';
import type { GeneratorSession } from '../onnx/session.js';
import { augmentDefaults, type AugmentOptions } from './options.js';
import { toImages, toInput } from './pixels.js';
import { renderSource, type SourceFace } from './sources.js';

/**
 * Batches that the generator has or waits for: one that it translates and one that is there when
 * that is done.
 */
const batchesAhead = 2;

export interface Translation extends Pick<AugmentOptions, 'batchSize' | 'signal'> {
  /** The generator's file, named in errors. */
  readonly onnx: string;
  readonly faces: FaceSet;
  /** Of `faces`, in this order. */
  readonly chosen: readonly SourceFace[];
}

/**
 * Runs the chosen faces through the generator, batch by batch. While one batch is translated, the
 * one before it is written and the one after it prepared.
 * @param write given the faces [size, size, channels] of each batch, as rendered and as translated
 * @throws UserError where the generator makes no images
 */
export async function translate(
  session: GeneratorSession,
  { onnx, faces, chosen, batchSize = augmentDefaults.batchSize, signal }: Translation,
  write: (sources: Uint8Array[], made: Uint8Array[]) => Promise<void> | void,
): Promise<void> {
  let begun = 0;
  const begin = () => {
    const sources = chosen.slice(begun, begun + batchSize).map((face) => renderSource(faces, face));
    begun += sources.length;
    const made = session.run(toInput(sources, faces), sources.length, faces.size);
    // Awaited when its turn comes; if an earlier batch fails, that is the error to show.
    made.catch(() => undefined);
    return { sources, made };
  };
  const queue: ReturnType<typeof begin>[] = [];
  const fill = () => {
    while (begun < chosen.length && queue.length < batchesAhead) queue.push(begin());
  };
  fill();
  for (let batch = queue.shift(); batch; batch = queue.shift()) {
    const output = await batch.made;
    signal?.throwIfAborted();
    fill();
    await write(batch.sources, imagesOf(output, faces, onnx));
  }
}

function imagesOf(output: Float32Array, faces: FaceSet, onnx: string): Uint8Array[] {
  try {
    return toImages(output, faces);
  } catch (error) {
    throw new UserError(`${onnx} makes no images: ${messageOf(error)}.`);
  }
}
