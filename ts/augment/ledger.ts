import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { stringify } from 'csv-stringify/sync';
import { writeAtomic } from '../base/files.js';
import { digestOfFace } from '../data/faces.js';
import { contactSheetName } from '../data/folders.js';
import { imageGrid } from '../report/image-grid.js';
import { manifestColumns, manifestName } from './manifest.js';
import type { Plan } from './plan.js';
import type { Written } from './writers.js';

/** Pairs of source and face on the contact sheet. */
const sheetPairs = 40;
const sheetColumns = 10;

/** What was made, for the manifest and the contact sheet. */
export class Ledger {
  equal = 0;
  private readonly rows: (string | number)[][] = [];
  private readonly digests = new Set<string>();
  private readonly pairs: { source: Uint8Array; made: Uint8Array }[] = [];

  constructor(
    private readonly plan: Pick<Plan, 'faces' | 'chosen' | 'className'>,
    private readonly seed: number,
    /** Columns of the manifest beyond its own: of each face, in the order in which they come. */
    private readonly more: ReadonlyMap<string, ArrayLike<number>> = new Map(),
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
      const more = [...this.more.values()].map((values) => Number(values[this.count]!.toPrecision(6)));
      this.rows.push([file, ...source, className, this.seed, flip ? 1 : 0, shiftX, shiftY, sha256, ...more]);
      this.digests.add(createHash('sha256').update(image).digest('base64'));
      this.equal = this.count - this.digests.size;
      if (this.pairs.length < sheetPairs) this.pairs.push({ source: sources[i]!, made: image });
    });
  }

  async write(folder: string): Promise<void> {
    await writeAtomic(join(folder, manifestName), stringify([[...manifestColumns, ...this.more.keys()], ...this.rows]));
    await writeAtomic(join(folder, contactSheetName), await this.sheet());
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
