import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { messageOf, UserError } from '../base/errors.js';
import { makeFolder, writeAtomic } from '../base/files.js';
import { isAlive } from '../base/temporary.js';
import { selectFaces, type FaceSet } from '../data/faces.js';
import { unfinishedRun } from '../train/checkpoint.js';
import { validateConfig } from '../train/config.js';
import type { TrainConfig } from '../train/options.js';
import { runFiles } from '../train/run-folder.js';
import { trainCycleGan } from '../train/train.js';
import { contentHash, type Job } from './job.js';
import type { AddedFaces } from './treatment.js';

const runName = 'fold';

export interface FoldGeneratorOptions {
  /** Where generators are kept: `<folder>/generators/<hash>-<direction>.onnx`. */
  readonly folder: string;
  readonly signal?: AbortSignal | undefined;
  readonly onStep?: ((step: number, steps: number) => void) | undefined;
}

/**
 * Trains a generator on a fit's own training images, unless that was done before; goes on where an
 * earlier sitting was stopped.
 * @returns its file
 */
export async function foldGenerator(
  { config: settings, direction }: Extract<AddedFaces, { from: 'training' }>,
  { data, split }: Job,
  faces: FaceSet,
  train: Int32Array,
  { folder, signal, onStep }: FoldGeneratorOptions,
): Promise<string> {
  const hash = contentHash({ data, split, settings });
  const generators = join(folder, 'generators');
  const file = join(generators, `${hash}-${direction}.onnx`);
  if (existsSync(file)) return file;
  const runs = await claim(join(generators, `${hash}.runs`));
  const config = foldConfig(settings, { data: data.path, runs });
  const resume = await unfinishedRun(runs, runName);
  let steps = 0;
  const { folder: run, stopped } = await trainCycleGan(config, {
    faces: selectFaces(faces, train),
    ...(signal && { signal }),
    ...(resume !== undefined && { resume }),
    onStart: (start) => (steps = start.lastStep),
    onStep: (step) => onStep?.(step, steps),
  });
  if (stopped === 'aborted') throw signal!.reason as Error;
  for (const [name, made] of [
    ['ab', 'generatorAB'],
    ['ba', 'generatorBA'],
  ] as const) {
    await writeAtomic(join(generators, `${hash}-${name}.onnx`), await readFile(runFiles(run)[made]));
  }
  await rm(runs, { recursive: true, force: true });
  return file;
}

/**
 * A run's configuration as one of a fold's: without what stops it by the clock, which would make it
 * another run on another machine.
 * @throws UserError for settings that are no configuration
 */
export function foldConfig(
  settings: Readonly<Record<string, unknown>>,
  { data, runs }: { data: string; runs: string },
): TrainConfig {
  return validateConfig({
    capture: true,
    precision: 'float32',
    ...settings,
    ...{ data, ferplus: null, runs, name: runName, maxMinutes: null },
  });
}

/**
 * Makes a folder this process's own: where another process that may be alive has it, one beside it
 * is taken, and the same generator is made twice rather than spoilt once.
 */
async function claim(folder: string): Promise<string> {
  await makeFolder(folder);
  const owner = join(folder, 'owner');
  const me = `${hostname()} ${process.pid}`;
  try {
    await writeFile(owner, me, { flag: 'wx' });
    return folder;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
      throw new UserError(`Cannot write ${owner}: ${messageOf(error)}`);
  }
  const [host, pid] = (await readFile(owner, 'utf8').catch(() => '')).split(' ');
  if (host !== hostname() || (Number(pid) !== process.pid && isAlive(Number(pid)))) {
    const own = `${folder}-${hostname()}-${process.pid}`;
    await makeFolder(own);
    return own;
  }
  await writeAtomic(owner, me);
  return folder;
}

/** The direction of a generator that was trained with these settings. @throws UserError where it has none */
export function directionOf(
  settings: Readonly<Record<string, unknown>>,
  { from, to, onnx }: { from: string; to: string; onnx: string },
): 'ab' | 'ba' {
  const same = (a: unknown, b: string) => String(a).toLowerCase() === b.toLowerCase();
  if (same(settings['from'], from) && same(settings['to'], to)) return 'ab';
  if (same(settings['from'], to) && same(settings['to'], from)) return 'ba';
  throw new UserError(
    `${onnx} translates ${from} to ${to}, but its configuration trains ${String(settings['from'])} and ${String(settings['to'])}.`,
  );
}
