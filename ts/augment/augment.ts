import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { stringify } from 'csv-stringify/sync';
import { writeAtomic } from '../base/files.js';
import { checkFree, OutputFolder } from '../base/output-folder.js';
import { timeStamp } from '../base/time.js';
import { digestOfFace } from '../data/faces.js';
import { openGenerator, type GeneratorSession } from '../onnx/session.js';
import { imageGrid } from '../report/image-grid.js';
import { augmentDefaults, checkOptions, type AugmentOptions } from './options.js';
import { manifestColumns, manifestName } from './manifest.js';
import { planFaces, type Plan } from './plan.js';
import { translate } from './translate.js';
import { openWriter, type Written } from './writers.js';

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
  if (options.out !== undefined) await checkFree(options.out, { force, marker: manifestName });
  const session = await openGenerator(options.onnx, options);
  try {
    const plan = await planFaces(options, session);
    signal?.throwIfAborted();
    const { className } = plan;
    const out = options.out ?? join('augmented', `${timeStamp(new Date())}-${className.toLowerCase()}`);
    const folder = await OutputFolder.open(out, { force, marker: manifestName });
    try {
      options.onStart?.({ notes: plan.notes, skipped: plan.faces.skipped });
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
  const writer = await openWriter(folder, { ...options, className, shape: faces });
  const ledger = new Ledger(plan, options.seed ?? augmentDefaults.seed);
  try {
    await translate(session, { ...options, ...plan }, async (sources, made) => {
      ledger.add(sources, made, await writer.write(made));
      options.onProgress?.(ledger.count);
    });
  } finally {
    await writer.close();
  }
  await ledger.write(folder);
  return ledger.equal;
}

/** Pairs of source and face on the contact sheet. */
const sheetPairs = 40;
const sheetColumns = 10;

/** What was made, for the manifest and the contact sheet. */
class Ledger {
  equal = 0;
  private readonly rows: (string | number)[][] = [];
  private readonly digests = new Set<string>();
  private readonly pairs: { source: Uint8Array; made: Uint8Array }[] = [];

  constructor(
    private readonly plan: Plan,
    private readonly seed: number,
  ) {}

  get count(): number {
    return this.rows.length;
  }

  add(sources: readonly Uint8Array[], made: readonly Uint8Array[], written: readonly Written[]): void {
    const { faces, chosen, className } = this.plan;
    made.forEach((image, i) => {
      const { index, flip, shiftX, shiftY } = chosen[this.count]!;
      const { file, sha256 } = written[i]!;
      const source = [faces.source(index), digestOfFace(faces, index)];
      this.rows.push([file, ...source, className, this.seed, flip ? 1 : 0, shiftX, shiftY, sha256]);
      this.digests.add(createHash('sha256').update(image).digest('base64'));
      this.equal = this.count - this.digests.size;
      if (this.pairs.length < sheetPairs) this.pairs.push({ source: sources[i]!, made: image });
    });
  }

  async write(folder: string): Promise<void> {
    await writeAtomic(join(folder, manifestName), stringify([manifestColumns, ...this.rows]));
    await writeAtomic(join(folder, 'contact-sheet.png'), await this.sheet());
  }

  /** Rows of sources, each over the faces made of them. */
  private async sheet(): Promise<Uint8Array> {
    const { size, channels } = this.plan.faces;
    const images: Uint8Array[] = [];
    const rowLabels: string[] = [];
    const blank = new Uint8Array(size * size * channels).fill(255);
    for (let at = 0; at < this.pairs.length; at += sheetColumns) {
      const row = this.pairs.slice(at, at + sheetColumns);
      const rest = Array<Uint8Array>(this.pairs.length > sheetColumns ? sheetColumns - row.length : 0).fill(blank);
      images.push(...row.map(({ source }) => source), ...rest, ...row.map(({ made }) => made), ...rest);
      rowLabels.push('source', this.plan.className);
    }
    return imageGrid(images, {
      ...{ size, channels, rowLabels },
      columns: Math.min(sheetColumns, this.pairs.length),
      scale: size <= 64 ? 2 : 1,
      breaks: rowLabels.flatMap((_, row) => (row % 2 === 0 ? [row] : [])),
    });
  }
}
