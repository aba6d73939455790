import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readGeneratedFolder } from '../augment/generated-folder.js';
import { manifestName } from '../augment/manifest.js';
import { renderSource, type SourceFace } from '../augment/sources.js';
import { UserError } from '../base/errors.js';
import { groupEqual } from '../data/face-set.js';
import { labelOf, loadFaces, type FaceSet } from '../data/faces.js';
import type { QualityConfig } from './options.js';

/** Generated faces. */
export interface MadeFaces {
  /** Labels are those of the real faces. */
  readonly faces: FaceSet;
  /** Which real face each was made from, and how that was changed; left out where it is not known. */
  readonly sources?: readonly SourceFace[];
}

/**
 * Loads generated faces: a folder of npm run augment, whose manifest says what each was made from, or
 * any data.
 * @returns notes on what is left out or not known
 * @throws UserError for faces that cannot be read, or of a class that the real ones lack
 */
export async function loadMade(
  { generated, size, channels, skipBad }: Pick<QualityConfig, 'generated' | 'size' | 'channels' | 'skipBad'>,
  real: FaceSet,
): Promise<{ made: MadeFaces; notes: readonly string[] }> {
  if (existsSync(join(generated, manifestName))) {
    const { pixels, labels, sources, strangers } = await readGeneratedFolder(generated, real);
    const faces: FaceSet = {
      ...{ size, channels, classNames: real.classNames, pixels, labels, count: labels.length, skipped: [] },
      groups: groupEqual(pixels, size * size * channels),
      source: (i) => `face ${i + 1} of ${generated}`,
    };
    const left = strangers === 0 ? [] : [`${strangers} generated faces are left out: they were made from other faces.`];
    return { made: { faces, sources }, notes: left };
  }
  const faces = await loadFaces({ data: generated, size, channels, skipBad });
  const names = [...new Set(faces.labels)].map((label) => faces.classNames[label]!);
  const labels = new Map(names.map((name) => [name, labelIn(real, name, generated)] as const));
  return {
    made: {
      faces: {
        ...faces,
        classNames: real.classNames,
        labels: faces.labels.map((label) => labels.get(faces.classNames[label]!)!),
      },
    },
    notes: [...faces.skipped, `${generated} has no ${manifestName}: what its faces were made from is not known.`],
  };
}

function labelIn({ classNames }: FaceSet, name: string, generated: string): number {
  try {
    return labelOf(classNames, name);
  } catch {
    throw new UserError(
      `${generated} has faces of the class ${name}, which the real ones lack. Their classes: ${classNames.join(', ')}.`,
    );
  }
}

/** The faces as they were given to the generator. */
export function renderedSources(
  real: FaceSet,
  sources: readonly SourceFace[],
): Pick<FaceSet, 'pixels' | 'size' | 'channels' | 'count'> {
  const { size, channels } = real;
  const bytes = size * size * channels;
  const pixels = new Uint8Array(sources.length * bytes);
  sources.forEach((face, i) => pixels.set(renderSource(real, face), i * bytes));
  return { pixels, size, channels, count: sources.length };
}
