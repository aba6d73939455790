import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { UserError } from '../../ts/base/errors.js';
import { exportCommand } from '../../ts/cli/export-command.js';
import { trainCycleGan } from '../../ts/train/train.js';
import { printed } from '../helpers/printed.js';
import { tinyRun, writeTinyFaces } from '../helpers/tiny-run.js';

let folder: string;
let runs: string;
let run: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rareface-export-'));
  const data = join(folder, 'faces');
  await writeTinyFaces(data);
  runs = join(folder, 'runs');
  ({ folder: run } = await trainCycleGan({ ...tinyRun, data, runs, maxSteps: 6 }));
  for (const name of ['empty', 'folder.onnx']) await mkdir(join(folder, name));
});
afterAll(() => rm(folder, { recursive: true }));

const exported = (...args: string[]): Promise<string> => printed(() => exportCommand(args));

test('writes the newest generator of the newest run, or of a checkpoint that is named', async () => {
  const out = join(folder, 'made', 'gen.onnx');
  expect(await exported('--run', 'latest', '--runs', runs, '--out', out)).toBe(`Wrote ${out}, as trained at step 6.\n`);
  expect((await readFile(out)).equals(await readFile(join(run, 'gen_ab.onnx')))).toBe(true);
  const checkpoint = join(run, 'checkpoints', 'step-000005');
  const again = ['--run', checkpoint, '--direction', 'ba', '--half', '--anonymous', '--out', out];
  await expect(exported(...again)).rejects.toThrow(
    `The file ${out} is there already: name another with --out, or replace it with --force.`,
  );
  expect((await readFile(out)).equals(await readFile(join(run, 'gen_ab.onnx')))).toBe(true);
  const said = await exported(...again, '--force');
  expect(said).toContain('as trained at step 5.');
  const half = await readFile(out);
  expect(half.length).toBeLessThan((await readFile(join(run, 'gen_ba.onnx'))).length);
  expect(half.includes(folder)).toBe(false);
  await rm(join(folder, 'made'), { recursive: true });
});

test('shows its help, with examples', async () => {
  const help = await exported('--help');
  for (const flag of [
    '--run <run>',
    '--direction <ab|ba>',
    '--half',
    '--anonymous',
    '--out <file>',
    '--force',
    '--runs <folder>',
  ])
    expect(help).toContain(flag);
  expect(help).toContain('npm run export -- --run latest --half --out gen.onnx');
});

describe('a mistake is one line, and leaves nothing', () => {
  test.each([
    [['--out', 'gen.onnx'], "required option '--run <run>' not specified"],
    [['--run', 'latest'], "required option '--out <file>' not specified"],
    [
      ['--run', 'RUN', '--direction', 'up', '--out', 'NEW'],
      "one of ab, ba for direction (--direction) but received 'up'",
    ],
    [['--run', '', '--out', 'NEW'], "for run (--run) but received ''"],
    [['--run', 'RUN', '--out', 'NEW', '--hal'], "unknown option '--hal' (Did you mean --half?)"],
    [['--run', 'FOLDER/none', '--out', 'NEW'], 'none/config.json: ENOENT'],
    [['--run', 'FOLDER/empty', '--out', 'NEW'], 'empty/config.json: ENOENT'],
    [['--run', 'latest', '--runs', 'FOLDER/empty', '--out', 'NEW'], 'cannot follow '],
    [['--run', 'RUN/checkpoints/step-000004', '--out', 'NEW'], 'There is no checkpoint '],
    [['--run', 'RUN', '--out', 'RUN/config.json/gen.onnx'], /^Cannot make the folder .*config\.json: EEXIST/],
    [['--run', 'RUN', '--out', 'FOLDER/folder.onnx'], /^Cannot write .*folder\.onnx: it is a folder\.$/],
    [['--run', 'RUN', '--out', 'FOLDER/data.csv'], /a file name that ends in \.onnx for out \(--out\) but received/],
  ])('%j', async (args, message) => {
    const places = { NEW: join(folder, 'new', 'gen.onnx'), FOLDER: folder, RUN: run };
    const placed = args.map((arg) => arg.replace(/NEW|FOLDER|RUN/, (name) => places[name as keyof typeof places]));
    const before = await readdir(folder, { recursive: true });
    const failing = exported(...placed);
    await expect(failing).rejects.toThrow(UserError);
    await expect(failing).rejects.toThrow(message);
    await expect(failing).rejects.toThrow(/^[^\n]*$/);
    expect(await readdir(folder, { recursive: true })).toEqual(before);
  });
});
