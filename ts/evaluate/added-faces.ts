import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { chooseSources } from '../augment/sources.js';
import { translate } from '../augment/translate.js';
import { messageOf, UserError } from '../base/errors.js';
import { counted } from '../base/text.js';
import { labelOf, type FaceSet } from '../data/faces.js';
import { openGenerator, type GeneratorSession } from '../onnx/session.js';
import { readGeneratedFolder } from '../augment/generated-folder.js';
import type { AddedFaces } from './treatment.js';

/** Generated images for a fit. */
export interface AddedImages {
  /** [n, size, size, channels] */
  readonly pixels: Uint8Array;
  readonly labels: Uint8Array;
  /** The face that each was made from: index into the face set. */
  readonly sources: Int32Array;
}

/** What faces are made by: the generator's file where it is there already, and how to wait for it where it is not. */
export interface AddedOptions {
  readonly signal?: AbortSignal | undefined;
  /** Trains a generator on the fit's own images. @returns its file */
  readonly trainGenerator: (faces: Extract<AddedFaces, { from: 'training' }>) => Promise<string>;
}

/**
 * The generated faces of a fit. None is made from an image that is not among `train`.
 * @throws UserError for a generator or a folder that does not fit the faces or has changed
 */
export async function facesToAdd(
  added: AddedFaces,
  faces: FaceSet,
  train: Int32Array,
  { signal, trainGenerator }: AddedOptions,
): Promise<AddedImages> {
  if (added.from === 'folder') return fromFolder(added, faces, train);
  const onnx = added.from === 'training' ? await trainGenerator(added) : added.onnx.path;
  if (added.from === 'generator') await checkDigest(added.onnx);
  const session = await openGeneratorFor(onnx, faces);
  try {
    return await fromGenerator(session, onnx, added, faces, train, signal);
  } finally {
    await session.close();
  }
}

async function checkDigest({ path, digest }: { path: string; digest: string }): Promise<void> {
  if ((await digestOfFile(path)) !== digest)
    throw new UserError(`${path} is not the file that the evaluation was begun with. Restore it.`);
}

/** The SHA-256 of a file. @throws UserError naming it */
export async function digestOfFile(path: string): Promise<string> {
  try {
    return createHash('sha256')
      .update(await readFile(path))
      .digest('hex');
  } catch (error) {
    throw new UserError(`Cannot read ${path}: ${messageOf(error)}`);
  }
}

/**
 * Opens a generator that makes images like the faces, on the CPU: the same file gives the same faces.
 * @throws UserError where it makes others
 */
export async function openGeneratorFor(
  onnx: string,
  { size, channels }: Pick<FaceSet, 'size' | 'channels'>,
): Promise<GeneratorSession> {
  const session = await openGenerator(onnx, { provider: 'cpu' });
  if (session.channels === channels && (session.size ?? size) === size) return session;
  await session.close();
  throw new UserError(
    `${onnx} makes images of ${session.size ?? 'any'} pixels a side and ${channelsOf(session.channels)}, and the ` +
      `evaluation's are of ${size} pixels and ${channelsOf(channels)}: evaluate with --size and --channels of the generator.`,
  );
}

const channelsOf = (channels: number): string => counted(channels, 'channel');

async function fromGenerator(
  session: GeneratorSession,
  onnx: string,
  added: Exclude<AddedFaces, { from: 'folder' }>,
  faces: FaceSet,
  train: Int32Array,
  signal: AbortSignal | undefined,
): Promise<AddedImages> {
  const label = labelOf(faces.classNames, added.source);
  const sources = train.filter((i) => faces.labels[i] === label);
  const what = `the ${counted(sources.length, `${added.source} face`)} of a training fold`;
  const chosen = chooseSources(faces, sources, { n: added.n, seed: added.seed, what });
  const bytes = faces.size * faces.size * faces.channels;
  const pixels = new Uint8Array(added.n * bytes);
  let done = 0;
  await translate(session, { onnx, faces, chosen, ...(signal && { signal }) }, (_, made) => {
    for (const image of made) pixels.set(image, done++ * bytes);
  });
  return {
    pixels,
    labels: new Uint8Array(added.n).fill(labelOf(faces.classNames, added.class)),
    sources: Int32Array.from(chosen, ({ index }) => index),
  };
}

async function fromFolder(
  { folder }: Extract<AddedFaces, { from: 'folder' }>,
  faces: FaceSet,
  train: Int32Array,
): Promise<AddedImages> {
  const { pixels, labels, sources } = await readGeneratedFolder(folder.path, faces, folder.digest);
  const trained = new Set(train);
  const kept = sources.flatMap(({ index }, n) => (trained.has(index) ? [n] : []));
  const bytes = faces.size * faces.size * faces.channels;
  const some = new Uint8Array(kept.length * bytes);
  kept.forEach((n, to) => some.set(pixels.subarray(n * bytes, (n + 1) * bytes), to * bytes));
  return {
    pixels: some,
    labels: Uint8Array.from(kept, (n) => labels[n]!),
    sources: Int32Array.from(kept, (n) => sources[n]!.index),
  };
}
