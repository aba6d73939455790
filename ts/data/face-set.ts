import { createHash } from 'node:crypto';
import { luma } from '../base/colour.js';
import { escapeControls, UserError } from '../base/errors.js';

/** The splits of FER2013: Training, PublicTest, PrivateTest. */
export type Usage = 'training' | 'public' | 'private';

const usages: Readonly<Record<string, Usage>> = {
  Training: 'training',
  PublicTest: 'public',
  PrivateTest: 'private',
};

/** As files spell them. */
export const usageNames = Object.keys(usages);

/** "PublicTest" as 'public'; undefined for anything that is no usage. */
export function usageOf(name: string): Usage | undefined {
  return Object.hasOwn(usages, name) ? usages[name] : undefined;
}

/** 'public' as "PublicTest". */
export const usageNameOf = (usage: Usage): string => usageNames.find((name) => usages[name] === usage)!;

/** Labelled square face images on the host. */
export interface FaceSet {
  /** Side in pixels. */
  readonly size: number;
  readonly channels: 1 | 3;
  readonly count: number;
  readonly classNames: readonly string[];
  /** [count, size, size, channels], 0..255. */
  readonly pixels: Uint8Array;
  /** Index into classNames for each image. */
  readonly labels: Uint8Array;
  /** Images whose pixels are equal, byte for byte, share a number: they never part in a split. */
  readonly groups: Int32Array;
  /** Of each image, where the source has it. */
  readonly usage?: readonly Usage[];
  /** [count, 10]: how many voted for each of `ferPlusColumns`, where FER+ votes were given. */
  readonly votes?: Float32Array;
  /** Of a csv: the line of each image; the header is line 1. */
  readonly lines?: readonly number[];
  /** Of image files: the path of each. */
  readonly files?: readonly string[];
  /** Where image i comes from, e.g. "fer2013.csv.gz line 18", "faces/happy/a.png", "synthetic 12". */
  source(i: number): string;
  /** With skipBad: one line for each row or file that was left out. */
  readonly skipped: readonly string[];
}

/**
 * A number for each image, the same for images whose bytes are equal; numbers count up from 0 in
 * the order of first appearance.
 * @param bytesEach size * size * channels
 */
export function groupEqual(pixels: Uint8Array, bytesEach: number): Int32Array {
  const numbers = new Map<string, number>();
  return Int32Array.from({ length: pixels.length / bytesEach }, (_, i) => {
    const image = pixels.subarray(i * bytesEach, (i + 1) * bytesEach);
    const digest = createHash('sha256').update(image).digest('base64');
    const known = numbers.get(digest);
    if (known !== undefined) return known;
    numbers.set(digest, numbers.size);
    return numbers.size - 1;
  });
}

/** The images of each group of equal ones among `indices`, in the order of first appearance. */
export function membersOfGroups({ groups }: Pick<FaceSet, 'groups'>, indices: ArrayLike<number>): number[][] {
  const members = new Map<number, number[]>();
  for (const i of Array.from(indices)) {
    const group = members.get(groups[i]!);
    if (group) group.push(i);
    else members.set(groups[i]!, [i]);
  }
  return [...members.values()];
}

/** How often each of the labels 0..classes - 1 stands there, or among `indices`. */
export function countLabels(labels: ArrayLike<number>, classes: number, indices?: ArrayLike<number>): number[] {
  const counts = Array<number>(classes).fill(0);
  const { length } = indices ?? labels;
  for (let n = 0; n < length; n++) counts[labels[indices ? indices[n]! : n]!]!++;
  return counts;
}

/**
 * Images of each class, none of them 0.
 * @param data what the faces were read from
 * @throws UserError naming a class without images
 */
export function countEveryClass(
  { labels, classNames }: Pick<FaceSet, 'labels' | 'classNames'>,
  data: string,
): number[] {
  const counts = countLabels(labels, classNames.length);
  const empty = classNames.find((_, label) => counts[label] === 0);
  if (empty !== undefined)
    throw new UserError(
      `${data} holds no faces of the class ${empty}, expected some of each: ${classNames.join(', ')}.`,
    );
  return counts;
}

/** Some of the faces, in the order of `indices`, as a set of their own. */
export function selectFaces(faces: FaceSet, indices: ArrayLike<number>): FaceSet {
  const bytes = faces.size * faces.size * faces.channels;
  const kept = Int32Array.from(indices);
  const pixels = new Uint8Array(kept.length * bytes);
  kept.forEach((i, n) => pixels.set(faces.pixels.subarray(i * bytes, (i + 1) * bytes), n * bytes));
  const { usage, votes, lines, files } = faces;
  const columns = votes ? votes.length / faces.count : 0;
  return {
    ...faces,
    count: kept.length,
    pixels,
    labels: Uint8Array.from(kept, (i) => faces.labels[i]!),
    groups: Int32Array.from(kept, (i) => faces.groups[i]!),
    ...(usage && { usage: Array.from(kept, (i) => usage[i]!) }),
    ...(lines && { lines: Array.from(kept, (i) => lines[i]!) }),
    ...(files && { files: Array.from(kept, (i) => files[i]!) }),
    ...(votes && {
      votes: Float32Array.from({ length: kept.length * columns }, (_, at) => {
        const row = Math.floor(at / columns);
        return votes[kept[row]! * columns + (at - row * columns)]!;
      }),
    }),
    source: (i) => faces.source(kept[i]!),
  };
}

/** Faces with more images at the end; nothing is known of these but their class. */
export function appendFaces(
  faces: FaceSet,
  { pixels, labels }: Pick<FaceSet, 'pixels' | 'labels'>,
): Pick<FaceSet, 'pixels' | 'labels' | 'size' | 'channels' | 'classNames'> {
  const all = {
    pixels: new Uint8Array(faces.pixels.length + pixels.length),
    labels: new Uint8Array(faces.count + labels.length),
  };
  all.pixels.set(faces.pixels);
  all.pixels.set(pixels, faces.pixels.length);
  all.labels.set(faces.labels);
  all.labels.set(labels, faces.count);
  const { size, channels, classNames } = faces;
  return { ...all, size, channels, classNames };
}

/** The SHA-256 of an image's pixels, row by row, channels last, in hexadecimal. */
export function digestOfFace(
  { pixels, size, channels }: Pick<FaceSet, 'pixels' | 'size' | 'channels'>,
  i: number,
): string {
  const bytes = size * size * channels;
  return createHash('sha256')
    .update(pixels.subarray(i * bytes, (i + 1) * bytes))
    .digest('hex');
}

/** A digest of what faces are: pixels, labels and classes, in their order. */
export function digestOfFaces({ pixels, labels, classNames, size, channels }: FaceSet): string {
  const shape = JSON.stringify({ classNames, size, channels });
  return createHash('sha256').update(shape).update(labels).update(pixels).digest('hex');
}

/**
 * The images of a class, in their order.
 * @param className in any case
 * @throws UserError for an unknown class, or one of fewer than 2 images
 */
export function facesOfClass(faces: FaceSet, className: string): Int32Array {
  const label = labelOf(faces.classNames, className);
  const found: number[] = [];
  for (let i = 0; i < faces.count; i++) if (faces.labels[i] === label) found.push(i);
  if (found.length < 2)
    throw new UserError(
      `The class ${faces.classNames[label]!} has ${found.length === 0 ? 'no images' : '1 image'}, expected at least 2.`,
    );
  return Int32Array.from(found);
}

/**
 * The index of a class's name: as it stands there, else in any case.
 * @throws UserError that lists the names there are, or those that the name may mean
 */
export function labelOf(classNames: readonly string[], className: string): number {
  const exact = classNames.indexOf(className);
  if (exact >= 0) return exact;
  const wanted = className.toLowerCase();
  const [like, ...others] = classNames.filter((name) => name.toLowerCase() === wanted);
  if (like === undefined) throw new UserError(`There is no class '${className}'. Classes: ${classNames.join(', ')}.`);
  if (others.length > 0)
    throw new UserError(
      `The class '${className}' may be any of ${[like, ...others].join(', ')}: write it as it stands there.`,
    );
  return classNames.indexOf(like);
}

/**
 * Refuses a class whose name would break tables and terminals.
 * @param where it is named
 */
export function checkClassName(name: string, where: string): void {
  if (escapeControls(name) !== name)
    throw new UserError(`${where}: the class '${name}' has control characters in its name. Rename it.`);
}

/** Interleaved RGB to one byte a pixel; grey pixels keep their value. */
export function toGrey(rgb: Uint8Array): Uint8Array {
  const grey = new Uint8Array(rgb.length / 3);
  for (let i = 0; i < grey.length; i++)
    grey[i] = Math.round(luma[0] * rgb[3 * i]! + luma[1] * rgb[3 * i + 1]! + luma[2] * rgb[3 * i + 2]!);
  return grey;
}

/** Grey pixels repeated to RGB. */
export function toRgb(grey: Uint8Array): Uint8Array {
  const rgb = new Uint8Array(3 * grey.length);
  for (let i = 0; i < grey.length; i++) rgb.fill(grey[i]!, 3 * i, 3 * i + 3);
  return rgb;
}
