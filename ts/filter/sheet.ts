import type { FaceSet } from '../data/faces.js';
import { imageGrid } from '../report/image-grid.js';
import type { Criterion } from './criteria.js';

const columns = 24;
const keptRows = 1;
const droppedRows = 2;

/**
 * A sheet of faces that were kept and that were dropped, of each class: an even choice in the order of
 * the first score, the lowest first, or of the data where there is none.
 * @returns png
 */
export async function filterSheet(
  faces: FaceSet,
  kept: readonly boolean[],
  criteria: readonly Criterion[],
): Promise<Uint8Array> {
  const { size, channels, pixels, labels, classNames } = faces;
  const bytes = size * size * channels;
  const scores = criteria.find((criterion) => criterion.scores)?.scores;
  const blank = new Uint8Array(bytes).fill(255);
  const images: Uint8Array[] = [];
  const rowLabels: string[] = [];
  const breaks: number[] = [];
  classNames.forEach((name, label) => {
    breaks.push(rowLabels.length);
    for (const [verdict, rows] of [
      ['kept', keptRows],
      ['dropped', droppedRows],
    ] as const) {
      const members = Array.from(labels.keys()).filter((i) => labels[i] === label && kept[i] === (verdict === 'kept'));
      if (scores) members.sort((a, b) => scores[a]! - scores[b]!);
      const shown = evenly(members, rows * columns);
      const filled = Math.ceil(shown.length / columns) * columns;
      for (let n = 0; n < filled; n++)
        images.push(n < shown.length ? pixels.subarray(shown[n]! * bytes, (shown[n]! + 1) * bytes) : blank);
      for (let row = 0; row < filled / columns; row++)
        rowLabels.push(row === 0 ? `${name}: ${members.length} ${verdict}` : '');
    }
  });
  return imageGrid(images, { size, channels, columns, rowLabels, breaks, scale: size < 40 ? 2 : 1 });
}

/** At most `count` items, evenly spread over all, the first and the last among them. */
function evenly(items: readonly number[], count: number): number[] {
  if (items.length <= count) return [...items];
  return Array.from({ length: count }, (_, n) => items[Math.round((n * (items.length - 1)) / (count - 1))]!);
}
