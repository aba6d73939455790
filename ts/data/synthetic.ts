import sharp from 'sharp';
import { expected } from '../base/errors.js';
import { Philox } from '../base/random.js';
import { ferClasses } from './classes.js';
import { groupEqual, toGrey, type FaceSet } from './face-set.js';
import { faceSvg } from './face-svg.js';
import { faceParameters, syntheticLabel, type FaceParameters } from './synthetic-parameters.js';

export {
  faceParameters,
  type ExpressionUnits,
  type FaceIdentity,
  type FaceLight,
  type FaceParameters,
  type FacePose,
} from './synthetic-parameters.js';

export interface RenderOptions {
  /** Side in pixels. */
  readonly size: number;
  readonly channels: 1 | 3;
}

export interface SyntheticOptions extends RenderOptions {
  /** Faces, of the seven classes in turn. */
  readonly count: number;
  /** 0..2^32-1; the same seed gives the same faces, whatever their count. */
  readonly seed: number;
  /** Disgust takes its turn only in every so many rounds: 3 makes it a third as frequent. Default 1. */
  readonly rareEvery?: number;
}

/** A set of synthetic faces, and what each was drawn from. */
export interface SyntheticFaces extends FaceSet {
  readonly parameters: readonly FaceParameters[];
}

/** Labelled synthetic faces, each another person: the data that needs no file. */
export async function syntheticFaces(options: SyntheticOptions): Promise<SyntheticFaces> {
  const { count, size, channels, seed, rareEvery = 1 } = options;
  if (!(Number.isInteger(count) && count > 0))
    throw expected('the count of synthetic faces', 'an integer above 0', count);
  const labels = Uint8Array.from({ length: count }, (_, i) => syntheticLabel(i, rareEvery));
  const parameters = Array.from(labels, (label, i) => faceParameters(seed, i, ferClasses[label]!));
  const pixels = await renderFaces(parameters, { size, channels });
  return {
    size,
    channels,
    count,
    classNames: ferClasses,
    pixels,
    labels,
    groups: groupEqual(pixels, size * size * channels),
    source: (i) => `synthetic ${i}`,
    skipped: [],
    parameters,
  };
}

/** One face: [size, size, channels], 0..255. */
export async function renderFace(parameters: FaceParameters, options: RenderOptions): Promise<Uint8Array> {
  return renderFaces([parameters], options);
}

/** Side of the largest sheet in pixels, unless one face is larger. */
const sheetSide = 1024;

/** Draws many faces at once, on few sheets: [n, size, size, channels], 0..255. */
export async function renderFaces(faces: readonly FaceParameters[], options: RenderOptions): Promise<Uint8Array> {
  const { size, channels } = options;
  const columns = Math.max(1, Math.floor(sheetSide / size));
  const bytesEach = size * size * channels;
  const pixels = new Uint8Array(faces.length * bytesEach);
  for (let start = 0; start < faces.length; start += columns ** 2) {
    const some = faces.slice(start, start + columns ** 2);
    const sheet = await renderSheet(some, columns, size);
    some.forEach(({ light }, i) => {
      const rgb = cut(sheet, columns * size, (i % columns) * size, Math.floor(i / columns) * size, size);
      const image = channels === 3 ? rgb : toGrey(rgb);
      expose(image, channels, light);
      pixels.set(image, (start + i) * bytesEach);
    });
  }
  return pixels;
}

/** RGB of a sheet with so many faces a row. */
async function renderSheet(faces: readonly FaceParameters[], columns: number, size: number): Promise<Uint8Array> {
  const rows = Math.ceil(faces.length / columns);
  const cells = faces.map(
    (face, i) =>
      `<svg x="${(i % columns) * size}" y="${Math.floor(i / columns) * size}" width="${size}" height="${size}" ` +
      `viewBox="0 0 100 100">${faceSvg(face, `f${i}`)}</svg>`,
  );
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${columns * size}" height="${rows * size}">${cells.join('')}</svg>`;
  return sharp(Buffer.from(svg), { unlimited: true }).removeAlpha().toColourspace('srgb').raw().toBuffer();
}

/** A square of an RGB sheet. */
function cut(sheet: Uint8Array, sheetWidth: number, x: number, y: number, size: number): Uint8Array {
  const square = new Uint8Array(size * size * 3);
  for (let row = 0; row < size; row++) {
    const from = ((y + row) * sheetWidth + x) * 3;
    square.set(sheet.subarray(from, from + 3 * size), row * size * 3);
  }
  return square;
}

/** Exposure, and noise that is alike in all channels, in place. */
function expose(image: Uint8Array, channels: number, { exposure, noise, seed }: FaceParameters['light']): void {
  const random = new Philox(seed);
  for (let i = 0; i < image.length; i += channels) {
    // The sum of four bytes is close to normal: mean 510, deviation 147.8.
    const bits = random.uint32();
    const sum = (bits & 255) + ((bits >>> 8) & 255) + ((bits >>> 16) & 255) + (bits >>> 24);
    const grain = ((sum - 510) / 147.8) * noise;
    for (let c = 0; c < channels; c++)
      image[i + c] = Math.max(0, Math.min(255, Math.round(image[i + c]! * exposure + grain)));
  }
}
