import { loadFaces, type FaceSet } from '../data/faces.js';
import { readGeneratedFolder } from '../augment/generated-folder.js';
import { imageGrid } from '../report/image-grid.js';
import type { StudyGenerator, StudyGroup } from './matrix.js';
import type { Failures } from './schedule.js';
import type { Store } from './store.js';
import { dataOf, loadData } from './tasks/context.js';
import { facesFolder } from './tasks/generate.js';

const columns = 10;

interface Row {
  readonly label: string;
  readonly images: readonly Uint8Array[];
}

/** Faces of every generator side by side, made of the same sources: real ones, or drawn ones in their place. */
export async function facesSheet(
  generators: readonly StudyGenerator[],
  { data, from, to }: StudyGroup,
  store: Store,
  failures: Failures,
  realFaces: boolean,
): Promise<{ title: string; png: Uint8Array } | undefined> {
  const files = await dataOf(store, data);
  const { size, channels } = files.images;
  const drawn = !realFaces && files.source !== 'synthetic';
  const sources: FaceSet = drawn ? await loadFaces({ data: 'synthetic', size, channels }) : await loadData(files);
  const sets = generators.flatMap(({ name, drawn: drawing, faces }) =>
    drawn ? [{ name, id: drawing }] : faces.map((set) => ({ name: `${name}, ${set.name}`, id: set.generate })),
  );
  const bytes = size * size * channels;
  const blank = new Uint8Array(bytes).fill(255);
  // Sources, with all that was made of them; those of selected faces are others.
  const blocks: Row[][] = [];
  for (const { name, id } of sets) {
    if (failures.has(id)) continue;
    const { pixels, sources: made } = await readGeneratedFolder(facesFolder(store.resultFolder(id)), sources);
    const indices = made.map(({ index }) => index);
    const images = (from: Uint8Array, at: readonly number[]) =>
      Array.from({ length: columns }, (_, i) => (at[i] === undefined ? blank : slice(from, at[i], bytes)));
    const own = images(sources.pixels, indices);
    const block = blocks.find(([first]) => sameImages(first!.images, own));
    const row = { label: name, images: images(pixels, [...indices.keys()]) };
    if (block) block.push(row);
    else blocks.push([{ label: from, images: own }, row]);
  }
  const rows = blocks.flat();
  if (rows.length === 0) return undefined;
  const png = await imageGrid(
    rows.flatMap(({ images }) => images),
    {
      ...{ size, channels, columns },
      scale: Math.max(1, Math.round(64 / size)),
      rowLabels: rows.map(({ label }) => label),
      breaks: blocks.map((_, i) => blocks.slice(0, i).flat().length),
    },
  );
  return { title: `${to} made of ${drawn ? 'drawn faces, which stand for real ones' : from}`, png };
}

const slice = (pixels: Uint8Array, at: number, bytes: number): Uint8Array =>
  pixels.subarray(at * bytes, (at + 1) * bytes);

const sameImages = (a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean =>
  a.every((image, i) => Buffer.compare(image, b[i]!) === 0);
