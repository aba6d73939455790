import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { augment } from '../../ts/augment/augment.js';
import { UserError } from '../../ts/base/errors.js';
import { evaluateCommand } from '../../ts/cli/evaluate-command.js';
import type { Evaluation } from '../../ts/evaluate/evaluate.js';
import type { JobResult } from '../../ts/evaluate/job.js';
import { tinyGenerator } from '../helpers/generators.js';
import { printed } from '../helpers/printed.js';
import { tinyRun, writeTinyFaces } from '../helpers/tiny-run.js';

// A URL: the child's folder is elsewhere.
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const cli = fileURLToPath(new URL('../../ts/cli/evaluate.ts', import.meta.url));

let folder: string;
let data: string;
let onnx: string;
let tiny: string[];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rareface-evaluate-'));
  data = join(folder, 'faces');
  await writeTinyFaces(data, { Disgust: 6, Happy: 10, Neutral: 12 });
  onnx = join(folder, 'gen.onnx');
  await writeFile(onnx, await tinyGenerator({ ...tinyRun, data }));
  tiny = ['--data', data, '--size', '16', '--base-width', '2', '--batch-size', '4'];
  tiny.push('--epochs', '1', '--folds', '2', '--repeats', '2');
});
afterAll(() => rm(folder, { recursive: true }));

const evaluated = (...args: string[]): Promise<string> => printed(() => evaluateCommand([...tiny, ...args]));
const evaluationIn = async (out: string): Promise<Evaluation> =>
  JSON.parse(await readFile(join(out, 'evaluation.json'), 'utf8')) as Evaluation;
const jobsIn = (out: string) => readdir(join(out, 'jobs'));
const resultsIn = async (out: string): Promise<JobResult[]> =>
  Promise.all(
    (await jobsIn(out)).map(async (job) => JSON.parse(await readFile(join(out, 'jobs', job), 'utf8')) as JobResult),
  );

test('compares every treatment, and generated faces alone and on the best of them', async () => {
  const out = join(folder, 'all');
  const text = await evaluated('--onnx', onnx, '--n', '5', '--repeats', '1', '--out', out);
  const { arms, comparisons, target, heldOut, notes, classNames } = await evaluationIn(out);
  expect([target, heldOut, classNames]).toEqual(['Disgust', [1, 1, 1], ['Disgust', 'Happy', 'Neutral']]);
  const names = arms.map(({ name }) => name);
  const classical = ['oversampling', 'class-weights', 'flips-and-shifts'];
  expect(names.slice(0, 5)).toEqual(['baseline', ...classical, 'generated']);
  const best = names[5]!.replace('+generated', '');
  expect(classical).toContain(best);
  expect(arms.map(({ fits, added }) => [fits, added])).toEqual([0, 0, 0, 0, 5, 5].map((added) => [2, added]));
  const pairs = new Set(comparisons.map(({ arm, against }) => `${arm} ${against}`));
  expect(pairs).toEqual(new Set([...names.slice(1).map((name) => `${name} baseline`), `${names[5]} ${best}`]));
  // Two fits of each arm, which together tested every image but those held out.
  const results = await resultsIn(out);
  expect(results.length).toBe(12);
  for (const { fold, holdout: held, trained, job } of results) {
    expect(fold.probabilities.length).toBe(3 * fold.labels.length);
    expect(held.labels.length).toBe(3);
    expect(trained.reduce((a, b) => a + b, 0) + fold.labels.length + held.labels.length).toBe(28);
    expect(job.engine).toBe('native');
  }
  expect(arms[0]!.confusion.flat().reduce((a, b) => a + b, 0)).toBe(25);
  expect(text).toContain(`${names[5]} against ${best}: Disgust precision `);
  expect(text).toMatch(/^ +Disgust precision .*\nbaseline +\d\.\d{3} ± \d\.\d{3}/);
  expect(text).toMatch(/Leak: .*gen\.onnx is taken as it is/);
  expect(notes.at(-1)).toBe(`Generated faces that a fit was given, on average: generated 5, ${best}+generated 5.`);
  expect(notes.at(-2)).toBe(`${best} is the classical treatment with the highest mean F1 on these folds.`);
  const page = await readFile(join(out, 'evaluation.html'), 'utf8');
  expect(page).toContain(`<p>generated against baseline: Disgust precision `);
  expect(page.match(/<svg/g)!.length).toBe(2);
});

test('trains the generator anew on each training fold where it must be strict', async () => {
  const out = join(folder, 'strict');
  const text = await evaluated(
    '--onnx',
    onnx,
    '--n',
    '3',
    '--strict',
    '--arms',
    'generated',
    '--repeats',
    '1',
    '--out',
    out,
  );
  expect(text).toContain('was trained on the training images of that fold alone.');
  // The tiny generator has no perceptual loss.
  expect(text).not.toContain('feature network');
  const made = (await readdir(join(out, 'generators'))).sort();
  expect(made.length).toBe(4);
  for (const name of made) expect(name).toMatch(/^[0-9a-f]{64}-(ab|ba)\.onnx$/);
  const [first, , second] = await Promise.all(made.map((name) => readFile(join(out, 'generators', name))));
  expect(first!.equals(second!)).toBe(false);
  expect((await evaluationIn(out)).arms.map(({ added }) => added)).toEqual([0, 3]);
});

test('takes the faces of a folder where their sources are trained on', async () => {
  const made = join(folder, 'made');
  await augment({ onnx, n: 11, out: made, engine: 'native' });
  const out = join(folder, 'folder');
  await evaluated('--faces', made, '--arms', 'generated', '--holdout', '0', '--repeats', '1', '--out', out);
  const added = (await resultsIn(out)).map((result) => result.added);
  // In each of two folds the faces of the other's sources.
  expect(added.reduce((a, b) => a + b, 0)).toBe(11);
});

test('killed at any time, it goes on from the fits that are done', { timeout: 120_000 }, async () => {
  const args = [...tiny, '--arms', 'oversampling,flips-and-shifts', '--epochs', '40'];
  const whole = join(folder, 'whole');
  await printed(() => evaluateCommand([...args, '--out', whole]));
  const out = join(folder, 'killed');
  const child = spawn(process.execPath, ['--import', tsx, cli, ...args, '--out', out]);
  const ended = new Promise((resolve) => child.on('close', resolve));
  const done = async () => (await jobsIn(out).catch(() => [])).filter((name) => name.endsWith('.json'));
  while ((await done()).length < 3 && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 20));
  child.kill('SIGKILL');
  await ended;
  const times = async (names: string[]) =>
    Promise.all(names.map(async (name) => (await stat(join(out, 'jobs', name))).mtimeMs));
  const before = await done();
  expect(before.length).toBeGreaterThanOrEqual(3);
  expect(before.length).toBeLessThan(12);
  const written = await times(before);

  await printed(() => evaluateCommand([...args, '--out', out]));
  expect(await times(before)).toEqual(written);
  expect((await done()).length).toBe(12);
  const [one, other] = [await evaluationIn(whole), await evaluationIn(out)];
  expect(other).toEqual({ ...one, config: other.config });
});

test('Ctrl-C stops the fit at hand and says how to go on', { timeout: 120_000 }, async () => {
  const out = join(folder, 'stopped');
  const child = spawn(process.execPath, ['--import', tsx, cli, ...tiny, '--epochs', '10000', '--out', out]);
  let err = '';
  child.stderr.on('data', (text: Buffer) => {
    if (!err.includes('Evaluating') && text.toString().includes('Evaluating')) child.kill('SIGINT');
    err += text.toString();
  });
  expect(await new Promise((resolve) => child.on('close', resolve))).toBe(130);
  expect(err).toMatch(/Stopped: 0 of 16 fits are in .*stopped\. The same command goes on with them\./);
  expect(await jobsIn(out)).toEqual([]);
});

test('help names every option with its default, and gives examples', async () => {
  const help = await evaluated('--help');
  expect(help).toMatch(/--folds <number>\s+parts, each tested on once \(default: 10\)/);
  expect(help).toContain('Examples:');
});

describe('a mistake is one line', () => {
  test.each([
    [['--folds', '7'], /The class Disgust has 5 different images to divide, expected at least 7/],
    [['--holdout', '6'], /The class Disgust has 6 images, expected more than the 6 to hold out/],
    [['--class', 'Fear'], /There is no class 'Fear'\. Classes: Disgust, Happy, Neutral/],
    [['--arms', 'generated'], /The arm generated wants generated faces/],
    [['--data', 'none.csv'], /^Cannot read the data none\.csv/],
    [['--faces', 'nowhere'], /Cannot read nowhere\/manifest\.csv, expected the manifest of npm run augment/],
    [['--onnx', 'none.onnx'], /none\.onnx/],
    [['--onnx', 'GEN', '--size', '32'], /gen\.onnx makes images of 16 pixels a side .* of 32 pixels/],
    [['--onnx', 'GEN', '--source', 'Sad'], /There is no class 'Sad'/],
    [['--repeat', '2'], /unknown option '--repeat' \(Did you mean --repeats\?\)/],
  ])('%j', async (args, message) => {
    const out = join(folder, 'mistake');
    const failing = evaluateCommand([...tiny, '--out', out, ...args.map((arg) => (arg === 'GEN' ? onnx : arg))]);
    await expect(failing).rejects.toThrow(UserError);
    await expect(failing).rejects.toThrow(message);
    await expect(failing).rejects.toThrow(/^[^\n]*$/);
    await expect(readdir(out)).rejects.toThrow('ENOENT');
  });

  test('a csv without one of its classes', async () => {
    const csv = join(folder, 'few.csv');
    const pixels = Array<number>(48 * 48)
      .fill(7)
      .join(' ');
    await writeFile(csv, `emotion,pixels\n${[0, 2, 3, 4, 5, 6].map((label) => `${label},${pixels}\n`).join('')}`);
    await expect(evaluateCommand(['--data', csv, '--out', join(folder, 'mistake')])).rejects.toThrow(
      /few\.csv holds no faces of the class Disgust, expected some of each: Angry, Disgust, /,
    );
  });

  test('a folder that cannot be made', async () => {
    await mkdir(join(folder, 'x'));
    await writeFile(join(folder, 'x', 'file'), '');
    await expect(evaluateCommand([...tiny, '--out', join(folder, 'x', 'file', 'y')])).rejects.toThrow(
      /^Cannot make the folder /,
    );
  });
});
