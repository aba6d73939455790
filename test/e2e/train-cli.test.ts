import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Philox } from '../../ts/base/random.js';
import { addonPath } from '../../ts/backend/binding.js';
import { trainCommand } from '../../ts/cli/train-command.js';
import { UserError } from '../../ts/base/errors.js';
import { readMetrics } from '../../ts/train/metrics.js';
import { printed } from '../helpers/printed.js';
import { tinyRun, writeTinyFaces } from '../helpers/tiny-run.js';

// A URL: the child's folder is elsewhere.
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const cli = fileURLToPath(new URL('../../ts/cli/train.ts', import.meta.url));

let folder: string;
let configFile: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rareface-train-'));
  await writeTinyFaces(join(folder, 'faces'));
  configFile = join(folder, 'tiny.json');
  // A line of metrics every step shows a watcher how far the run is.
  await writeFile(configFile, JSON.stringify({ ...tinyRun, data: join(folder, 'faces'), logEvery: 1, epochsDecay: 6 }));
});
afterAll(() => rm(folder, { recursive: true }));

interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  out: string;
  err: string;
}

/** Starts the command in a folder. */
function start(
  cwd: string,
  args: readonly string[],
  env = process.env,
): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, ['--import', tsx, cli, ...args], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (data: Buffer) => (out += data.toString()));
  child.stderr.on('data', (data: Buffer) => (err += data.toString()));
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, out, err }));
  });
  return { child, ended };
}

/** Waits until the newest run of `runs` has logged a step, or the child has ended. */
async function untilStep(child: ChildProcess, runs: string, step: number): Promise<void> {
  while (child.exitCode === null) {
    const lines = await readMetrics(join(runs, 'latest', 'metrics.jsonl'));
    if ((lines.at(-1)?.step ?? 0) >= step) return;
    await setTimeout(5);
  }
}

/** Digests of all that a run computes. */
async function resultsOf(run: string): Promise<Record<string, string>> {
  const newest = (await readdir(join(run, 'checkpoints'))).sort().at(-1);
  const files = ['gen_ab.onnx', 'gen_ba.onnx', join('checkpoints', newest!, 'tensors.safetensors')];
  const contents = files.map(
    async (file) =>
      [
        file,
        createHash('sha256')
          .update(await readFile(join(run, file)))
          .digest('hex'),
      ] as const,
  );
  return Object.fromEntries(await Promise.all(contents));
}

describe('a run killed at random steps', () => {
  test('and resumed ends with the bytes of an uninterrupted one', { timeout: 180_000 }, async () => {
    // A run's config.json and its generators name the run folder: each run has the same one in a folder of its own.
    const [whole, killed] = [join(folder, 'whole'), join(folder, 'killed')];
    for (const place of [whole, killed]) await mkdir(place);
    const undisturbed = await start(whole, ['--config', configFile]).ended;
    expect(undisturbed.err).not.toContain('error');
    expect(undisturbed.code).toBe(0);
    expect(undisturbed.out).toContain('Finished at step 48 of 48');

    const random = new Philox(Math.floor(Math.random() * 2 ** 32));
    // Checkpoints are 5 steps apart, and there is one before the first kill: every kill loses some steps.
    let step = 6;
    for (let kill = 0; kill < 3; kill++) {
      step += random.integer(10);
      const { child, ended } = start(killed, kill === 0 ? ['--config', configFile] : ['--resume', 'latest']);
      await untilStep(child, join(killed, 'runs'), step);
      child.kill('SIGKILL');
      expect((await ended).signal, `killed at step ${step}, seed ${random.seed}`).toBe('SIGKILL');
    }
    const last = await start(killed, ['--resume', 'latest']).ended;
    expect(last.out).toContain('Finished at step 48 of 48');
    const latest = (place: string) => join(place, 'runs', 'latest');
    expect(await resultsOf(latest(killed)), `seed ${random.seed}`).toEqual(await resultsOf(latest(whole)));
    const losses = async (place: string) =>
      (await readMetrics(join(latest(place), 'metrics.jsonl'))).map((line) => ({ ...line, seconds: 0 }));
    expect(await losses(killed)).toEqual(await losses(whole));
    const left = await readdir(latest(killed), { recursive: true });
    expect(left.filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});

test('Ctrl-C ends a run in good order, and says how to go on', async () => {
  const runs = join(folder, 'interrupted');
  const { child, ended } = start(folder, ['--config', configFile, '--runs', runs]);
  await untilStep(child, runs, 2);
  child.kill('SIGINT');
  const { code, err, out } = await ended;
  expect(code).toBe(130);
  expect(err).toContain('Stopping after this step');
  expect(out).toMatch(/Stopped at step \d+ of 48/);
  expect(out).toMatch(
    /:\n {2}gen_ab\.onnx \(Neutral to Disgust\), gen_ba\.onnx, samples\/, losses\.png, metrics\.jsonl, rep/,
  );
  expect(out).toMatch(/To go on: npm run train:native -- --resume interrupted\/[\w-]+\n/);
  const latest = await readdir(join(runs, 'latest'));
  expect(latest).toEqual(expect.arrayContaining(['checkpoints', 'gen_ab.onnx', 'gen_ba.onnx', 'losses.png']));
});

test('goes on to the end where nobody reads what it says any more', async () => {
  const runs = join(folder, 'unread');
  const { child, ended } = start(folder, ['--config', configFile, '--runs', runs]);
  child.stderr!.once('data', () => {
    child.stderr!.destroy();
    child.stdout!.destroy();
  });
  expect((await ended).code).toBe(0);
  expect(await readdir(join(runs, 'latest', 'checkpoints'))).toContain('step-000048');
  expect(existsSync(join(runs, 'latest', 'gen_ba.onnx'))).toBe(true);
});

test.runIf(existsSync('/dev/full'))('says on one line that standard output cannot be written', async () => {
  const child = spawn('bash', ['-c', `exec ${process.execPath} --import ${tsx} ${cli} --help > /dev/full`]);
  let err = '';
  child.stderr.on('data', (data: Buffer) => (err += data.toString()));
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect(err).toMatch(/^error: Cannot write to standard output: ENOSPC[^\n]*\n$/);
  expect(code).toBe(1);
});

test('names the files that a short run left, and goes back to a checkpoint when told to', async () => {
  const runs = join(folder, 'short');
  const trained = (...args: string[]) => printed(() => trainCommand([...args, '--runs', runs]));
  const first = await trained('--config', configFile, '--max-steps', '6', '--log-every', '100');
  expect(first).toMatch(
    /:\n {2}gen_ab\.onnx \(Neutral to Disgust\), gen_ba\.onnx, samples\/, report\.html, checkpoints\/\n/,
  );
  const older = join(runs, 'latest', 'checkpoints', 'step-000005');
  await expect(trained('--resume', older)).rejects.toThrow(/would remove later checkpoints of the run: step-000006\./);
  expect(await trained('--resume', older, '--force', '--max-steps', '7')).toContain('Stopped at step 7 of 48');
});

describe('errors are one line on stderr, and leave nothing', () => {
  test.each([
    [['--size', '50'], 'must be divisible by 4) for size (--size) but received 50'],
    [['--perceptual-alpha', 'NaN'], "for perceptualAlpha (--perceptual-alpha) but received 'NaN'"],
    [['--seed', ''], "for seed (--seed) but received ''"],
    [['--lamda-cycle', '1'], "unknown option '--lamda-cycle' (Did you mean --lambda-cycle?)"],
    [['--seed'], "option '--seed <number>' argument missing"],
    [['more'], 'too many arguments'],
    [['--to', 'Boredom'], "no class 'Boredom'. Classes: "],
    [['--data', '/nowhere/faces.csv'], '/nowhere/faces.csv'],
    [['--config', '/nowhere/config.json'], '/nowhere/config.json'],
    [['--preset', 'slow'], "one of quick, paper-cyclegan, paper-ecyclegan for preset (--preset) but received 'slow'"],
    [['--resume', '/nowhere/run'], '/nowhere/run/config.json'],
    [['--resume', 'latest'], 'There is no run yet: cannot follow '],
    [['--force'], '--force goes back to a checkpoint of a run: name it with --resume.'],
    [['--resume', 'latest', '--preset', 'quick'], 'leave --preset, --config and --dry-run out'],
  ])('%j', async (args, message) => {
    const runs = join(folder, 'none');
    const base = /resume|config|preset/.test(args[0]!) ? [] : ['--config', configFile];
    const failing = trainCommand([...base, '--runs', runs, ...args]);
    await expect(failing).rejects.toThrow(UserError);
    await expect(failing).rejects.toThrow(message);
    await expect(failing).rejects.toThrow(/^[^\n]*$/);
    expect(existsSync(runs)).toBe(false);
  });

  test.each([
    ['foo', "Expected one of avx512, avx2, portable for RAREFACE_ISA but received 'foo'."],
    ['portable', "and that was built for RAREFACE_ISA but received 'portable': no kernel library could be opened"],
  ])('an instruction set that is not there: %s', async (isa, message) => {
    // An addon that no kernels lie beside.
    const addon = join(folder, 'rareface.node');
    await copyFile(addonPath(), addon);
    const env = { ...process.env, RAREFACE_ADDON: addon, RAREFACE_ISA: isa };
    const { code, err } = await start(folder, ['--config', configFile, '--dry-run'], env).ended;
    expect(code).toBe(1);
    expect(err).toMatch(/^error: [^\n]*\n$/);
    expect(err).toContain(message);
  });

  test('a run folder that cannot be written', async () => {
    const runs = join(configFile, 'runs');
    const { code, err } = await start(folder, ['--config', configFile, '--runs', runs]).ended;
    expect(code).toBe(1);
    expect(err).toMatch(/^error: Cannot make the folder .*tiny\.json\/runs[^\n]*\n$/);
  });
});

describe('help and dry run', () => {
  const trained = (...args: string[]): Promise<string> => printed(() => trainCommand(args));

  test('help has every group, and the defaults of the preset', async () => {
    const quick = await trained('--help');
    for (const group of ['Data:', 'Networks:', 'Losses:', 'Optimisation:', 'Remedies against overfitting:', 'Run:'])
      expect(quick).toContain(`\n${group}\n`);
    expect(quick).toContain('Examples:');
    // Of an option that may be left open, what comes of that too; nothing twice.
    expect(quick.replaceAll(/\s+/g, ' ')).toContain(
      '(default: 100; none: as many as the larger class fills) --batch-size',
    );
    const paper = await trained('--preset', 'paper-ecyclegan', '--help');
    const flat = /--epochs-flat <number> [^(]*\(default:\s+(\d+)\)/;
    expect(flat.exec(paper)?.[1]).toBe('100');
    expect(flat.exec(quick)?.[1]).not.toBe('100');
  });

  test('a dry run shows what a run would be and writes nothing', async () => {
    const runs = join(folder, 'dry');
    const out = await trained(
      ...['--config', configFile, '--runs', runs, '--dry-run', '--no-flip', '--max-steps', 'none'],
      ...[
        '--feature-layers',
        'relu1_1, relu2_1',
        '--perceptual-alpha',
        '1',
        '--learning-rate',
        '1e-3',
        '--channels',
        '3',
      ],
    );
    const config = JSON.parse(out.slice(0, out.indexOf('\n}') + 2)) as unknown;
    expect(config).toMatchObject({ baseWidth: 2, flip: false, maxSteps: null, learningRate: 0.001, channels: 3 });
    expect(config).toMatchObject({ featureLayers: ['relu1_1', 'relu2_1'], runs });
    expect(out).toContain('Images: 5 Neutral (A), 3 Disgust (B)');
    expect(out).toMatch(/generatorAB: ECycleGAN generator .*, [\d,]+ weights/);
    expect(out).toMatch(/Steps: 48, 6 an epoch\nTime: \d+ ms a step/);
    expect(existsSync(runs)).toBe(false);
  });
});
