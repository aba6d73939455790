// Where TensorFlow is set up, and the record of what was.
import { dirname, join, resolve } from 'node:path';
import { root } from '../addon/record.mjs';
import { megabytes, readRecord, sizesOf } from '../wheels/folders.mjs';

/** Holds a folder for each kind (cpu, gpu) with its own node_modules. ts/backend/tfjs-node/places.ts looks there. */
export const tensorflowFolder = () => resolve(process.env.RAREFACE_TENSORFLOW ?? join(root, '.tensorflow'));

/** What was set up, and how large it is. @param checked what came of its check */
export function describe(folder, checked) {
  const { packageName, version, wheelBytes } = readRecord(folder);
  const libraries = sizesOf(join(folder, 'node_modules', packageName, 'deps'));
  const library = version
    ? `libtensorflow ${version} (wheel ${megabytes(wheelBytes)}, kept; unpacked`
    : "the official installer's libtensorflow (";
  return `${packageName} with ${library} ${megabytes(libraries)}) in ${dirname(folder)}, ${megabytes(sizesOf(folder))} in all; ${checked}`;
}
