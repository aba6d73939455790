import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { contactSheetName } from '../data/folders.js';

/** The file by which an output folder is known; see {@link filesOfOutput}. */
export const summaryName = 'summary.json';
export const scoresName = 'scores.csv';
/** The faces that were kept, in the form in which they came, and their votes. */
export const facesName = 'faces.csv';
export const zippedFacesName = 'faces.csv.gz';
export const votesName = 'ferplus.csv';

/** Every name that may be in an output folder; none where the folder's summary.json is not one of filter. */
export async function filesOfOutput(folder: string): Promise<string[]> {
  try {
    const summary = JSON.parse(await readFile(join(folder, summaryName), 'utf8')) as object;
    if (!['config', 'classes', 'scores'].every((name) => Object.hasOwn(summary, name))) return [];
    return [summaryName, scoresName, contactSheetName, facesName, zippedFacesName, votesName];
  } catch {
    return [];
  }
}
