import { existsSync } from 'node:fs';
import { UserError } from '../base/errors.js';
import { ferClasses } from '../data/classes.js';
import { facesOfClass, labelOf, loadFaces, type FaceSet, type LoadOptions } from '../data/faces.js';
import { readGeneratorMetadata, type GeneratorMetadata } from '../onnx/generator-metadata.js';
import type { GeneratorSession } from '../onnx/session.js';
import { augmentDefaults, type AugmentOptions } from './options.js';
import { candidatesOf } from './select/options.js';
import { chooseSources, type SourceFace } from './sources.js';

/** What will be made, from which faces. */
export interface Plan {
  readonly faces: FaceSet;
  readonly chosen: readonly SourceFace[];
  /** Class of the faces made. */
  readonly className: string;
  /** What is made from what, and what is not as could be hoped for. */
  readonly notes: readonly string[];
}

/** For generators that do not say what they were trained on. */
const assumed = { size: 48, source: 'Neutral' } as const;

/**
 * Reads the data and chooses the faces to translate; what the options leave open, the generator's
 * metadata says.
 * @throws UserError for data, classes or a number of faces that do not fit
 */
export async function planFaces(options: AugmentOptions, session: GeneratorSession): Promise<Plan> {
  const { onnx, n, seed = augmentDefaults.seed, skipBad = augmentDefaults.skipBad } = options;
  const { channels, size = assumed.size } = session;
  const known = readGeneratorMetadata(session.metadata);
  const notes = session.note === undefined ? [] : [session.note];
  if (session.size === undefined) notes.push(`${onnx} does not say what size its images are: assuming ${size} pixels.`);

  const data = { ...chooseData(options, known), ...(options.usage && { usage: options.usage }) };
  const faces = await loadFaces({ ...data, size, channels, skipBad });
  const source = options.source ?? known.from ?? assumed.source;
  const indices = facesOfClass(faces, source);
  const what =
    data.data === 'synthetic'
      ? `the ${indices.length} synthetic ${source} faces`
      : `the ${indices.length} ${source} faces of ${data.data}`;
  const className = classOf(options, known, faces);
  const candidates = candidatesOf(options);
  const chosen = chooseSources(faces, indices, { n: candidates, seed, what });
  const used = new Set(chosen.map(({ index }) => index)).size;
  const device = session.provider === 'cuda' ? 'GPU' : 'CPU';
  notes.push(`Making ${n} ${className} faces from ${what}, on the ${device} (${session.engine}).`);
  if (candidates > n) notes.push(`They are the best of ${candidates}, by ${options.select!.join(', ')}.`);
  if (used < candidates)
    notes.push(`The sources are ${used} different ones, so ${candidates - used} are taken again, mirrored or shifted.`);
  return { faces, chosen, className, notes };
}

/** The data named, else what the generator was trained on. @throws UserError where neither is to be had */
function chooseData(
  { data, onnx }: AugmentOptions,
  { data: trained }: GeneratorMetadata,
): Pick<LoadOptions, 'data' | 'usage' | 'seed'> {
  // Faces that a classifier may be tested on are no source of its training data.
  if (data !== undefined && data !== trained?.data) return { data, usage: 'training' };
  const remedy = 'name faces to translate with --data (--data synthetic: the built-in drawn ones)';
  if (!trained) throw new UserError(`${onnx} does not say what it was trained on: ${remedy}.`);
  if (data !== undefined || trained.data === 'synthetic' || existsSync(trained.data)) return trained;
  throw new UserError(`${trained.data}, which ${onnx} was trained on, is not here: ${remedy}.`);
}

/** @throws UserError for a class that neither the data, FER2013 nor the generator has, or none at all */
function classOf({ className, onnx }: AugmentOptions, { from, to }: GeneratorMetadata, faces: FaceSet): string {
  if (className === undefined) {
    if (to !== undefined) return to;
    throw new UserError(`${onnx} does not say which class it makes: name it with --class.`);
  }
  // The generator's spelling comes first, then the data's: "Happy" is FER2013's where neither has it.
  const known = [[to, from].filter((name) => name !== undefined), faces.classNames, ferClasses];
  const wanted = className.toLowerCase();
  const names = known.find((some) => some.some((name) => name.toLowerCase() === wanted)) ?? [...new Set(known.flat())];
  return names[labelOf(names, className)]!;
}
