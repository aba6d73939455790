import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { UserError } from '../../ts/base/errors.js';
import { pretrainCommand } from '../../ts/cli/pretrain-command.js';
import { loadFeatureNetwork } from '../../ts/models/feature-network.js';
import { printed } from '../helpers/printed.js';
import { writeTinyFaces } from '../helpers/tiny-run.js';

// A URL: the child's folder is elsewhere.
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const cli = fileURLToPath(new URL('../../ts/cli/pretrain.ts', import.meta.url));

let folder: string;
let faces: string;
let tiny: string[];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rareface-pretrain-'));
  faces = join(folder, 'faces');
  await writeTinyFaces(faces);
  const shape = ['--size', '16', '--width', '0.03', '--small-fraction', '0', '--batch-size', '2', '--holdout', '0.3'];
  tiny = ['--data', faces, ...shape];
});
afterAll(() => rm(folder, { recursive: true }));

const pretrained = (...args: string[]): Promise<string> => printed(() => pretrainCommand(args));

test('trains, writes a file and its card, and measures them again', async () => {
  const file = join(folder, 'net.safetensors');
  const out = await pretrained(...tiny, '--epochs', '2', '--out', file);
  expect(out).toMatch(
    /^Finished at step [\d,]+ of [\d,]+: [\d.]+ % of the labels \(3 images held out: 30 % of every class, seed 1/,
  );
  expect(out).toContain(`Next: npm run train:native -- --preset paper-ecyclegan --features ${file}\n`);
  expect((await loadFeatureNetwork(file)).channels).toBe(1);
  const measured = await pretrained('--evaluate', file, '--data', faces, '--holdout', '0.3');
  expect(measured).toMatch(/^[\d.]+ % of the labels \(3 images held out: 30 % of every class, seed 1[^\n]*\n$/);
});

test('lists what it skipped', async () => {
  const some = join(folder, 'some');
  await writeTinyFaces(some);
  await writeFile(join(some, 'Neutral', 'bad.png'), 'no image');
  let err = '';
  const write = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += String(text);
    return true;
  });
  try {
    await pretrained(...tiny, '--data', some, '--epochs', '1', '--skip-bad', '--out', join(folder, 'some.safetensors'));
  } finally {
    write.mockRestore();
  }
  expect(err).toMatch(/^Skipped 1:\n {2}\S*bad\.png is no image that can be read: .*\n5 images, 3 held out/);
});

test('Ctrl-C stops in good order and writes what was learnt', { timeout: 120_000 }, async () => {
  const place = join(folder, 'stopped');
  await mkdir(place);
  const args = [...tiny, '--epochs', '10000', '--out', 'net.safetensors'];
  const child = spawn(process.execPath, ['--import', tsx, cli, ...args], { cwd: place });
  let [out, err] = ['', ''];
  child.stdout.on('data', (data: Buffer) => (out += data.toString()));
  child.stderr.on('data', (data: Buffer) => {
    // Once: a second signal would stop it at once.
    if (!err.includes('Training 1/') && data.toString().includes('Training 1/')) child.kill('SIGINT');
    err += data.toString();
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect(code).toBe(130);
  expect(err).toContain('Stopping after this step');
  expect(out).toMatch(/^Stopped at step \d+ of 25,000: /);
  expect((await readdir(place)).sort()).toEqual(['net.md', 'net.safetensors']);
  await loadFeatureNetwork(join(place, 'net.safetensors'));
});

test('a kill while it trains leaves no file behind', { timeout: 120_000 }, async () => {
  const place = join(folder, 'killed');
  await mkdir(place);
  const args = [...tiny, '--epochs', '10000', '--out', 'net.safetensors'];
  const child = spawn(process.execPath, ['--import', tsx, cli, ...args], { cwd: place });
  child.stderr.on('data', (data: Buffer) => {
    if (data.toString().includes('Training 1/')) child.kill('SIGKILL');
  });
  await new Promise((resolve) => child.on('close', resolve));
  expect(await readdir(place)).toEqual([]);
});

test('help names every option with its default, and gives examples', async () => {
  const help = await pretrained('--help');
  for (const flag of ['--data', '--ferplus', '--epochs', '--small-fraction', '--width', '--holdout', '--evaluate'])
    expect(help).toContain(flag);
  expect(help).toMatch(/--batch-size <number>\s+images a step \(default: 64\)/);
  expect(help).toContain('--engine <auto|native|native-cuda|tfjs-node-gpu|tfjs-node|cpu>');
  expect(help).toMatch(/--skip-bad {2,}skip/);
  expect(help).not.toContain('--no-skip-bad');
  expect(help).toContain('Examples:');
});

test('an option may be opened, and a toggle turned off', async () => {
  const open = ['--holdout', 'none', '--out', 'none', '--no-skip-bad', '--data', 'none.csv'];
  await expect(pretrainCommand(open)).rejects.toThrow(/^Cannot read the data none\.csv: ENOENT/);
});

describe('a mistake is one line', () => {
  test.each([
    [['--epoch', '2'], /unknown option '--epoch' \(Did you mean --epochs\?\)/],
    [['--epochs', 'two'], /a number above 0, at most 10000 for epochs \(--epochs\) but received 'two'/],
    [['--data'], /argument missing/],
    [['--data', 'none.csv'], /^Cannot read the data none\.csv: ENOENT/],
    [
      ['--engine', 'gpu'],
      /one of auto, native, native-cuda, tfjs-node-gpu, tfjs-node, cpu for engine \(--engine\) but received 'gpu'/,
    ],
    [['--device', 'gpu'], /one of auto, cpu, cuda for device \(--device\) but received 'gpu'/],
    [['--device', 'cuda', '--engine', 'cpu'], /no device with --engine cpu for device \(--device\)/],
    [['--out', 'net.bin'], /ends in \.safetensors for out \(--out\) but received 'net\.bin'/],
    [['--ferplus', 'votes.csv'], /votes\.csv want a csv of FER2013 as data, not synthetic/],
    [['--evaluate', 'none.safetensors'], /^Cannot read the weights none\.safetensors: ENOENT/],
    [['--evaluate', 'a.safetensors', '--epochs', '3'], /--epochs changes nothing where a file is measured/],
  ])('%j', async (args, message) => {
    const before = await readdir(folder);
    const out = args.includes('--out') || args.includes('--evaluate') ? [] : ['--out', join(folder, 'x.safetensors')];
    const failing = pretrainCommand([...out, ...args]);
    await expect(failing).rejects.toThrow(UserError);
    await expect(failing).rejects.toThrow(message);
    await expect(failing).rejects.toThrow(/^[^\n]*$/);
    expect(await readdir(folder)).toEqual(before);
  });

  test('a class without images, and a file where a folder should be', async () => {
    const broken = join(folder, 'broken');
    await mkdir(join(broken, 'Happy'), { recursive: true });
    await expect(pretrainCommand(['--data', broken, '--out', join(folder, 'x.safetensors')])).rejects.toThrow(
      /^The folder .*Happy holds no images\.$/,
    );
    await writeFile(join(folder, 'file'), '');
    await expect(pretrainCommand([...tiny, '--out', join(folder, 'file', 'x.safetensors')])).rejects.toThrow(
      /^Cannot make the folder /,
    );
    expect(existsSync(join(folder, 'x.safetensors'))).toBe(false);
  });
});
