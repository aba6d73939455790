import { join } from 'node:path';
import { checkFree, OutputFolder } from '../base/output-folder.js';
import { timeStamp } from '../base/time.js';
import { openGenerator, type GeneratorSession } from '../onnx/session.js';
import { augmentDefaults, checkOptions, type AugmentOptions } from './options.js';
import { Ledger } from './ledger.js';
import { filesOfOutput, manifestName } from './manifest.js';
import { planFaces, type Plan } from './plan.js';
import { translate } from './translate.js';
import { checkSelectable, selectFacesMade } from './select/select.js';
import { renderSource, type SourceFace } from './sources.js';
import { openWriter } from './writers.js';

export { type AugmentOptions, type AugmentStart, type Format } from './options.js';

export interface AugmentResult {
  readonly out: string;
  readonly className: string;
  readonly count: number;
  /** Faces made that have the same pixels as an earlier one. */
  readonly equal: number;
  /** From the first batch to the last file. */
  readonly seconds: number;
}

/**
 * Makes faces of one class by translating those of another with a generator. The folder holds the
 * faces, contact-sheet.png and manifest.csv (file, source, source_sha256, class, seed, flip, shift_x,
 * shift_y, sha256); it appears when all is written, or not at all. The same options give the same files.
 * @throws UserError for options, data, a generator or a folder that cannot be used
 */
export async function augment(options: AugmentOptions): Promise<AugmentResult> {
  const { force = augmentDefaults.force, signal } = options;
  checkOptions(options);
  const target = { force, marker: manifestName, written: filesOfOutput, inputs: [options.data, options.onnx] };
  if (options.out !== undefined) await checkFree(options.out, target);
  const session = await openGenerator(options.onnx, options);
  try {
    const plan = await planFaces(options, session);
    await checkSelectable(plan, options);
    signal?.throwIfAborted();
    const { className } = plan;
    const out = options.out ?? join('augmented', `${timeStamp(new Date())}-${className.toLowerCase()}`);
    const folder = await OutputFolder.open(out, target);
    try {
      options.onStart?.({ notes: plan.notes, skipped: plan.faces.skipped, faces: plan.chosen.length });
      const start = performance.now();
      const equal = await makeFaces(options, plan, session, folder.temporary);
      await folder.publish();
      return { out, className, count: options.n, equal, seconds: (performance.now() - start) / 1000 };
    } finally {
      await folder.discard();
    }
  } finally {
    await session.close();
  }
}

/** Translates and writes everything. @returns how many faces equal an earlier one */
async function makeFaces(
  options: AugmentOptions,
  plan: Plan,
  session: GeneratorSession,
  folder: string,
): Promise<number> {
  const { faces, className } = plan;
  const { seed = augmentDefaults.seed } = options;
  // What is to be chosen from is made before anything is written.
  const best = options.select === undefined ? undefined : await makeBest(options, plan, session);
  const writer = await openWriter(folder, { ...options, className, shape: faces });
  const ledger = new Ledger(best ? { ...plan, chosen: best.chosen } : plan, seed, best?.scores);
  try {
    if (best) {
      const { batchSize = augmentDefaults.batchSize } = options;
      for (let start = 0; start < best.images.length; start += batchSize) {
        options.signal?.throwIfAborted();
        const images = best.images.slice(start, start + batchSize);
        const sources = best.chosen.slice(start, start + batchSize).map((face) => renderSource(faces, face));
        ledger.add(sources, images, await writer.write(images));
      }
    } else {
      await translate(session, { ...options, ...plan }, async (sources, made) => {
        ledger.add(sources, made, await writer.write(made));
        options.onProgress?.(ledger.count);
      });
    }
  } finally {
    await writer.close();
  }
  await ledger.write(folder);
  return ledger.equal;
}

/** Makes all candidates and chooses from them, the best first; their scores by column of the manifest. */
async function makeBest(
  options: AugmentOptions,
  plan: Plan,
  session: GeneratorSession,
): Promise<{ images: Uint8Array[]; chosen: SourceFace[]; scores: Map<string, Float64Array> }> {
  const made: Uint8Array[] = [];
  await translate(session, { ...options, ...plan }, (_, images) => {
    made.push(...images);
    options.onProgress?.(made.length);
  });
  const { chosen, scores, quality } = await selectFacesMade(plan, made, options);
  const ofChosen = (values: Float64Array) => Float64Array.from(chosen, (i) => values[i]!);
  return {
    images: chosen.map((i) => made[i]!),
    chosen: chosen.map((i) => plan.chosen[i]!),
    scores: new Map([
      ['score', ofChosen(quality)],
      ...[...scores].map(([name, values]) => [`score_${name}`, ofChosen(values)] as const),
    ]),
  };
}
