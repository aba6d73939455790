import { spawn, type ChildProcess } from 'node:child_process';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { studyFiles } from '../../ts/study/study.js';
import { writeTinyFaces } from './tiny-run.js';

/** A study of 4 arms, with a generator that takes long enough to be stopped in the middle. */
export const tinyStudy = {
  name: 'tiny',
  size: 16,
  targets: [{ from: 'Neutral', to: 'Disgust' }],
  classical: ['oversampling'],
  generators: [
    {
      name: 'cyclegan i{lambdaIdentity}',
      preset: 'quick',
      settings: {
        ...{ generator: 'cyclegan', resBlocks: 1, baseWidth: 2, discriminatorWidth: 2, samples: 2 },
        ...{ epochsFlat: 1, epochsDecay: 1, stepsPerEpoch: 60, checkpointEvery: 15, sampleEvery: 1000, logEvery: 5 },
      },
      vary: { lambdaIdentity: [0.5] },
    },
  ],
  added: [4],
  on: ['none', 'best'],
  ...{ holdout: 1, folds: 2, repeats: 2 },
  classifier: { baseWidth: 2, epochs: 1, batchSize: 4 },
};

/** Writes tiny faces and a study of them. @returns the study's file */
export async function writeTinyStudy(folder: string, changes: object = {}): Promise<string> {
  const data = join(folder, 'faces');
  await writeTinyFaces(data, { Disgust: 8, Happy: 10, Neutral: 12 });
  const file = join(folder, 'study.json');
  await writeFile(file, JSON.stringify({ ...tinyStudy, data, ...changes }));
  return file;
}

const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

/** Starts a command of ts/cli as a process of its own. */
export function startCommand(name: 'study' | 'worker', ...args: string[]): ChildProcess {
  const cli = fileURLToPath(new URL(`../../ts/cli/${name}.ts`, import.meta.url));
  return spawn(process.execPath, ['--import', tsx, cli, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
}

export const ended = (child: ChildProcess): Promise<number | null> =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve(child.exitCode)
    : new Promise((resolve) => child.once('exit', (code) => resolve(code)));

/** Ids of the tasks that are done, with when their results were written. */
export async function doneTasks(out: string): Promise<Map<string, number>> {
  const results = join(out, 'results');
  const names = (await readdir(results).catch(() => [])).filter((name) => /^[0-9a-f]{64}$/.test(name));
  return new Map(
    await Promise.all(
      names.map(async (name) => [name, (await stat(join(results, name, 'result.json'))).mtimeMs] as const),
    ),
  );
}

/** What a study came to, as written. */
export async function written(out: string): Promise<{ page: string; table: string; json: string }> {
  const { page, table, json } = studyFiles(out);
  const [a, b, c] = await Promise.all([page, table, json].map((file) => readFile(file, 'utf8')));
  return { page: a!, table: b!, json: c! };
}
