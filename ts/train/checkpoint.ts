import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { messageOf, UserError } from '../base/errors.js';
import { makeFolder, writeAtomic } from '../base/files.js';
import type { HostParams } from '../models/network.js';
import { readWeights, writeWeights } from '../models/weights.js';
import { lossNames, type LossName } from './losses.js';
import type { NetworkName } from './step.js';
import type { Position } from './trainer.js';

/**
 * A checkpoint is a folder `checkpoints/step-<steps done>/` of a run: every tensor in
 * tensors.safetensors, all else in state.json. It is written under a temporary name and renamed,
 * so a folder of the right name is whole unless something else harmed it.
 */
const tensorsFile = 'tensors.safetensors';
const stateFile = 'state.json';
const folderName = /^step-(\d+)$/;

/** `step-000500` for 500: names of checkpoints and sample sheets, sorted as the steps are up to a million. */
export const stepName = (step: number): string => `step-${String(step).padStart(6, '0')}`;

export interface Checkpoint {
  readonly tensors: HostParams;
  readonly position: Position;
  /** Digest of the images that the run is trained on. */
  readonly data: string;
  /** Training time so far. */
  readonly seconds: number;
}

const count = z.int().min(0);
const order = z.strictObject({ round: count, taken: count });
const watched = z.strictObject({ mean: z.number(), low: count });
const stateSchema = z.strictObject({
  version: z.literal(1),
  seconds: z.number().min(0),
  data: z.string(),
  position: z.strictObject({
    step: count,
    updates: z.strictObject({
      generatorAB: count,
      generatorBA: count,
      discriminatorA: count,
      discriminatorB: count,
    }),
    orderA: order,
    orderB: order,
    replayA: count,
    replayB: count,
    window: z.strictObject({
      steps: count,
      sums: z.strictObject(
        Object.fromEntries(lossNames.map((name) => [name, z.number()])) as Record<LossName, z.ZodNumber>,
      ),
    }),
    collapse: z.strictObject({ discriminatorA: watched, discriminatorB: watched }),
  }),
}) satisfies z.ZodType<Omit<Checkpoint, 'tensors'>>;

const checkpointsOf = (run: string): string => join(run, 'checkpoints');
/** What a checkpoint is called while it is not whole: see {@link removeLeftovers}. */
const temporaryName = (name: string): string => `.${name}.${process.pid}.tmp`;

/**
 * Writes a checkpoint whole or not at all, then removes those beyond the `keep` newest.
 * @returns its folder
 * @throws UserError naming the file that could not be written; older checkpoints are then as they were
 */
export async function saveCheckpoint(run: string, { tensors, ...state }: Checkpoint, keep: number): Promise<string> {
  const parent = checkpointsOf(run);
  const { step } = state.position;
  const target = join(parent, stepName(step));
  const temporary = join(parent, temporaryName(stepName(step)));
  await makeFolder(parent);
  try {
    await rm(temporary, { recursive: true, force: true });
    await mkdir(temporary);
    await writeWeights(join(temporary, tensorsFile), tensors, {}, 'float32');
    await writeAtomic(join(temporary, stateFile), `${JSON.stringify({ version: 1, ...state }, null, 2)}\n`);
    // Of a run that was stopped again before its first step.
    await rm(target, { recursive: true, force: true });
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    throw new UserError(`Cannot write the checkpoint ${target}: ${messageOf(error)}`);
  }
  for (const { folder } of (await listCheckpoints(run)).slice(0, -keep))
    await rm(folder, { recursive: true, force: true });
  return target;
}

interface Listed {
  readonly step: number;
  readonly folder: string;
}

/** A run's checkpoints, oldest first; none where it has no such folder. */
async function listCheckpoints(run: string): Promise<Listed[]> {
  const parent = checkpointsOf(run);
  const names = await readdir(parent).catch(() => []);
  return names
    .flatMap((name) => {
      const step = folderName.exec(name)?.[1];
      return step === undefined ? [] : [{ step: Number(step), folder: join(parent, name) }];
    })
    .sort((a, b) => a.step - b.step);
}

/** @throws UserError where a run has later checkpoints than the one that is named: they would be lost */
export async function checkNewest({ run, checkpoint }: ResumePoint): Promise<void> {
  const all = await listCheckpoints(run);
  const at = all.findIndex(({ folder }) => folder === checkpoint);
  if (checkpoint === undefined || at < 0 || at === all.length - 1) return;
  const later = all.slice(at + 1);
  throw new UserError(
    `Going on from ${basename(checkpoint)} would remove later checkpoints of the run: ` +
      `${later.map(({ folder }) => basename(folder)).join(', ')}. Resume the run itself (--resume ${run}), ` +
      'or go back to that step with --force.',
  );
}

/** Removes checkpoints of later steps, the newest first: a kill between leaves a run as it was at some step. */
export async function removeLater(run: string, step: number): Promise<void> {
  for (const later of (await listCheckpoints(run)).reverse()) {
    if (later.step <= step) continue;
    // Under a name that is nobody's checkpoint, so that none is seen half removed.
    const removed = join(checkpointsOf(run), temporaryName(basename(later.folder)));
    await rename(later.folder, removed);
    await rm(removed, { recursive: true, force: true });
  }
}

/** Removes what killed writers left. For a run that no other process works on. */
export async function removeLeftovers(run: string): Promise<void> {
  const parent = checkpointsOf(run);
  for (const name of await readdir(parent).catch(() => []))
    if (name.startsWith('.') && name.endsWith('.tmp')) await rm(join(parent, name), { recursive: true, force: true });
}

/** What `--resume` names: a run, from its newest checkpoint on, or one checkpoint of a run. */
export interface ResumePoint {
  readonly run: string;
  /** Left out: the newest. */
  readonly checkpoint?: string | undefined;
}

export function resumePoint(path: string): ResumePoint {
  const folder = resolve(path);
  if (folderName.test(basename(folder)) && basename(dirname(folder)) === 'checkpoints')
    return { run: dirname(dirname(folder)), checkpoint: folder };
  return { run: folder };
}

/** The checkpoint that a point names. @throws UserError where the run has none */
export async function newestOrNamed({ run, checkpoint }: ResumePoint): Promise<Listed> {
  const all = await listCheckpoints(run);
  const folder = checkpoint ?? all.at(-1)?.folder;
  if (folder === undefined) throw new UserError(`${run} has no checkpoint.`);
  if (!all.some((other) => other.folder === folder))
    throw new UserError(
      `There is no checkpoint ${folder}. ` +
        (all.length > 0
          ? `The run has ${all.map((other) => basename(other.folder)).join(', ')}.`
          : 'The run has none.'),
    );
  return { folder, step: Number(folderName.exec(basename(folder))![1]) };
}

/** A network's tensors of a checkpoint, moments too, by the names that it gives its parameters. */
export async function readWeightsOf(
  folder: string,
  network: NetworkName,
): Promise<{ readonly params: HostParams; readonly file: string }> {
  const file = join(folder, tensorsFile);
  const { params } = await readWeights(file);
  const prefix = `${network}/`;
  const own = Object.entries(params).filter(([name]) => name.startsWith(prefix));
  return { params: Object.fromEntries(own.map(([name, param]) => [name.slice(prefix.length), param])), file };
}

/**
 * Reads the checkpoint to go on from.
 * @param shapes of every tensor but the replay buffers'
 * @param replay the most images of a replay buffer, and the shape of one
 * @throws UserError naming the file that is missing, cut short or of another shape, and the checkpoint before it
 */
export async function loadCheckpoint(
  { run, checkpoint }: ResumePoint,
  shapes: ReadonlyMap<string, readonly number[]>,
  replay: { readonly size: number; readonly shape: readonly number[] },
): Promise<Checkpoint> {
  const all = await listCheckpoints(run);
  const { folder, step } = await newestOrNamed({ run, checkpoint });
  try {
    const state = await readState(join(folder, stateFile));
    const path = join(folder, tensorsFile);
    const { params: tensors } = await readWeights(path);
    checkTensors(tensors, shapes, replay, path);
    return { ...state, tensors };
  } catch (error) {
    const previous = all.filter((other) => other.step < step).at(-1);
    if (!(error instanceof UserError)) throw error;
    const hint = previous
      ? ` The checkpoint before it is ${previous.folder}: resume from that one by its name, with --force.`
      : ' The run has no earlier checkpoint.';
    throw new UserError(`${error.message}${hint}`);
  }
}

async function readState(path: string): Promise<Omit<Checkpoint, 'tensors'>> {
  let content: unknown;
  try {
    content = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new UserError(`Cannot read the checkpoint's ${path}: ${messageOf(error)}.`);
  }
  const { success, data, error } = stateSchema.safeParse(content);
  if (!success) {
    const [issue] = error.issues;
    throw new UserError(`${path} is not the state of a checkpoint: ${issue!.path.join('.')}: ${issue!.message}.`);
  }
  return data;
}

function checkTensors(
  tensors: HostParams,
  shapes: ReadonlyMap<string, readonly number[]>,
  replay: { readonly size: number; readonly shape: readonly number[] },
  path: string,
): void {
  const misfit = (why: string) => new UserError(`${path} does not fit the run's config.json: ${why}.`);
  for (const name of shapes.keys()) if (!Object.hasOwn(tensors, name)) throw misfit(`it holds no ${name}`);
  for (const [name, { shape }] of Object.entries(tensors)) {
    const [, index] = /^replay[AB]\/(\d+)$/.exec(name) ?? [];
    const wanted = index !== undefined && Number(index) < replay.size ? replay.shape : shapes.get(name);
    if (!wanted) throw misfit(`it holds ${name}, which the run has not`);
    if (wanted.join() !== shape.join())
      throw misfit(`${name} has shape [${shape.join(', ')}], expected [${wanted.join(', ')}]`);
  }
}

/**
 * The newest run called `name` in a folder of runs that came to a checkpoint; newer ones, which have none, are removed.
 * @returns its folder, or undefined where there is none
 */
export async function unfinishedRun(runs: string, name: string): Promise<string | undefined> {
  const names = (await readdir(runs)).filter((folder) => folder.endsWith(`-${name}`)).sort();
  for (const run of names.reverse().map((folder) => join(runs, folder))) {
    if ((await listCheckpoints(run)).length > 0) return run;
    await rm(run, { recursive: true, force: true });
  }
  return undefined;
}
