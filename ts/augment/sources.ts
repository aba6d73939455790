import { createHash } from 'node:crypto';
import { UserError } from '../base/errors.js';
import { Philox } from '../base/random.js';
import { counted } from '../base/text.js';
import type { FaceSet } from '../data/faces.js';

type Images = Pick<FaceSet, 'pixels' | 'size' | 'channels'>;

/** A face to translate: one of the data set, as it is or a little changed. */
export interface SourceFace {
  /** Which of the data set. */
  readonly index: number;
  /** Mirrored left to right, before the shift. */
  readonly flip: boolean;
  /** Pixels that the face is moved to the right and down. */
  readonly shiftX: number;
  readonly shiftY: number;
}

/** The largest shift, in pixels: a sixteenth of the side. */
export const largestShift = (size: number): number => Math.max(1, Math.round(size / 16));

/**
 * Chooses `n` faces, the same for the same seed: the first `n - 1` of a choice of `n` are the
 * choice of `n - 1`. Every image of `indices` is taken once, in random order, before any is taken
 * again, mirrored or shifted; no two of the faces have the same pixels.
 * @param indices images to choose from; among equal ones (`groups`) the first is taken
 * @param what names the images in errors, e.g. "the 40 Neutral faces of faces/"
 * @throws UserError when there are no `n` different ones
 */
export function chooseSources(
  faces: Images & Pick<FaceSet, 'groups'>,
  indices: ArrayLike<number>,
  { n, seed, what }: { n: number; seed: number; what: string },
): SourceFace[] {
  const distinct = [...new Map(Array.from(indices, (i) => [faces.groups[i]!, i] as const).reverse()).values()];
  new Philox(seed).shuffle(distinct.sort((a, b) => a - b));
  const changes = changesOf(faces.size);
  const orders: Change[][] = [];
  const seen = new Set<string>();
  const chosen: SourceFace[] = [];
  for (let round = 0; round <= changes.length; round++)
    for (const [i, index] of distinct.entries()) {
      const change =
        round === 0 ? unchanged : (orders[i] ??= new Philox(seed, i + 1).shuffle([...changes]))[round - 1]!;
      const face = { index, ...change };
      const digest = createHash('sha256').update(renderSource(faces, face)).digest('base64');
      if (seen.has(digest)) continue;
      seen.add(digest);
      chosen.push(face);
      if (chosen.length === n) return chosen;
    }
  const largest = largestShift(faces.size);
  throw new UserError(
    `Cannot make ${n} faces from ${what}: mirrored, and shifted by up to ${counted(largest, 'pixel')}, ` +
      `they give ${chosen.length} different ones. Ask for fewer, or name more faces with --data.`,
  );
}

type Change = Omit<SourceFace, 'index'>;
const unchanged: Change = { flip: false, shiftX: 0, shiftY: 0 };

/** Every way to change a face. */
function changesOf(size: number): Change[] {
  const largest = largestShift(size);
  const shifts = Array.from({ length: 2 * largest + 1 }, (_, i) => i - largest);
  return [false, true]
    .flatMap((flip) => shifts.flatMap((shiftY) => shifts.map((shiftX) => ({ flip, shiftX, shiftY }))))
    .filter(({ flip, shiftX, shiftY }) => flip || shiftX !== 0 || shiftY !== 0);
}

/** A source face's pixels [size, size, channels]; what a shift uncovers repeats the edge. */
export function renderSource({ pixels, size, channels }: Images, face: SourceFace): Uint8Array {
  const start = face.index * size * size * channels;
  const result = new Uint8Array(size * size * channels);
  const inside = (at: number) => Math.max(0, Math.min(size - 1, at));
  let at = 0;
  for (let y = 0; y < size; y++) {
    const row = start + inside(y - face.shiftY) * size * channels;
    for (let x = 0; x < size; x++) {
      const shifted = inside(x - face.shiftX);
      const from = row + (face.flip ? size - 1 - shifted : shifted) * channels;
      for (let c = 0; c < channels; c++) result[at++] = pixels[from + c]!;
    }
  }
  return result;
}
