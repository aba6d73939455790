import { randomBytes } from 'node:crypto';
import { mkdir, readdir, realpath, rename, rm, symlink } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { messageOf, UserError } from '../base/errors.js';
import { makeFolder, writeAtomic } from '../base/files.js';
import { timeStamp } from '../base/time.js';
import { readSettings, validateConfig } from './config.js';
import { laterDefaults, type TrainConfig } from './options.js';

/** The files of a run folder; checkpoints/ is checkpoint.ts's. */
export const runFiles = (run: string) =>
  ({
    config: join(run, 'config.json'),
    metrics: join(run, 'metrics.jsonl'),
    samples: join(run, 'samples'),
    losses: join(run, 'losses.png'),
    report: join(run, 'report.html'),
    generatorAB: join(run, 'gen_ab.onnx'),
    generatorBA: join(run, 'gen_ba.onnx'),
  }) as const;

/**
 * Makes a run's folder, `<runs>/<time>-<name>`, with its config.json, and points `<runs>/latest` at it.
 * @throws UserError naming what cannot be made; no run folder is left then
 */
export async function makeRunFolder(config: TrainConfig, now = new Date()): Promise<string> {
  await makeFolder(config.runs);
  const name = config.name ?? `${config.from}-to-${config.to}`.toLowerCase().replaceAll(/[^\w.-]+/g, '-');
  const base = join(config.runs, `${timeStamp(now)}-${name}`);
  for (let number = 1; ; number++) {
    const run = number === 1 ? base : `${base}-${number}`;
    try {
      await mkdir(run);
    } catch (error) {
      // Another run of the same second and name.
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue;
      throw new UserError(`Cannot make the folder ${run}: ${messageOf(error)}`);
    }
    try {
      const files = runFiles(run);
      await writeAtomic(files.config, `${JSON.stringify(config, null, 2)}\n`);
      await makeFolder(files.samples);
      await pointLatest(config.runs, run);
    } catch (error) {
      await rm(run, { recursive: true, force: true }).catch(() => undefined);
      throw error;
    }
    return run;
  }
}

/** Points `<runs>/latest` at a run, in one step. @throws UserError naming the link */
async function pointLatest(runs: string, run: string): Promise<void> {
  const link = join(runs, 'latest');
  const temporary = `${link}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`;
  try {
    await symlink(basename(run), temporary);
    await rename(temporary, link);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new UserError(`Cannot point ${link} at ${run}: ${messageOf(error)}`);
  }
}

/**
 * The folder that `--resume`, or `--run` of export, names: `latest` is the newest run of `runs`.
 * @throws UserError where `runs` has none
 */
export async function resumeFolder(resume: string, runs: string): Promise<string> {
  if (resume !== 'latest') return resolve(resume);
  const link = join(runs, 'latest');
  try {
    return await realpath(link);
  } catch (error) {
    throw new UserError(`There is no run yet: cannot follow ${link}: ${messageOf(error)}`);
  }
}

/** A run's configuration. @throws UserError naming its config.json */
export async function readRunConfig(run: string): Promise<TrainConfig> {
  const file = runFiles(run).config;
  const settings = await readSettings(file);
  try {
    return validateConfig({ ...laterDefaults, ...settings });
  } catch (error) {
    throw error instanceof UserError ? new UserError(`${file}: ${error.message}`) : error;
  }
}

/** Removes sample grids of steps after `step`: a run that goes on from there makes its own. */
export async function removeSamplesAfter(run: string, step: number): Promise<void> {
  const { samples } = runFiles(run);
  for (const name of await readdir(samples).catch(() => []))
    if (Number(/^step-(\d+)\.png$/.exec(name)?.[1]) > step) await rm(join(samples, name), { force: true });
}

/** Removes temporary files that killed writers left in a run that no other process works on. */
export async function removeTemporaries(run: string): Promise<void> {
  for (const folder of [run, runFiles(run).samples])
    for (const name of await readdir(folder).catch(() => []))
      if (name.endsWith('.tmp')) await rm(join(folder, name), { force: true });
}
