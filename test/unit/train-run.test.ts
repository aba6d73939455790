import * as tf from '@tensorflow/tfjs-core';
import { existsSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { useEngine } from '../../ts/backend/engine.js';
import { UserError } from '../../ts/base/errors.js';
import { readWeights, writeWeights } from '../../ts/models/weights.js';
import { resumePoint } from '../../ts/train/checkpoint.js';
import { resolveConfig } from '../../ts/train/config.js';
import { exportGenerator } from '../../ts/train/export-generator.js';
import type { TrainConfig } from '../../ts/train/options.js';
import { readMetrics, type MetricsLine } from '../../ts/train/metrics.js';
import { readRunConfig } from '../../ts/train/run-folder.js';
import { setUp } from '../../ts/train/setup.js';
import { trainCycleGan, type RunStart } from '../../ts/train/train.js';
import { tinyRun, writeTinyFaces } from '../helpers/tiny-run.js';

/** Set: no more than so many bytes can be written to a file of this name. */
const disk = vi.hoisted((): { full: string | undefined } => ({ full: undefined }));
vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof fs>();
  const open: typeof real.open = async (path, ...rest) => {
    const file = await real.open(path, ...rest);
    if (disk.full !== undefined && String(path).includes(disk.full))
      file.writeFile = async (data) => {
        await file.write(Buffer.from(data as string).subarray(0, 100));
        throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
      };
    return file;
  };
  return { ...real, default: { ...real, open }, open };
});

let folder: string;
let config: TrainConfig;
beforeAll(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), 'rareface-run-'));
  await writeTinyFaces(join(folder, 'faces'));
  config = { ...tinyRun, data: join(folder, 'faces'), runs: join(folder, 'runs') };
});
afterAll(() => fs.rm(folder, { recursive: true }));

const weightsOf = (run: string, step: string) =>
  fs.readFile(join(run, 'checkpoints', `step-${step}`, 'tensors.safetensors'), 'base64');

/** A run of 12 steps; its checkpoints are of 5, 10 and 12 steps. */
async function halfRun(): Promise<string> {
  return (await trainCycleGan({ ...config, maxSteps: 12, keepCheckpoints: 3 })).folder;
}

describe('a whole run', () => {
  let run: string;
  let start: RunStart | undefined;
  const steps: number[] = [];
  const lines: MetricsLine[] = [];
  beforeAll(async () => {
    const result = await trainCycleGan(config, {
      onStart: (told) => (start = told),
      onStep: (step) => steps.push(step),
      onMetrics: (line) => lines.push(line),
    });
    run = result.folder;
    expect(result).toMatchObject({ step: 24, totalSteps: 24, stopped: 'finished' });
  });

  test('fills its folder', async () => {
    expect((await fs.readdir(run)).sort()).toEqual(
      [
        ...['checkpoints', 'config.json', 'gen_ab.onnx', 'gen_ba.onnx'],
        ...['losses.png', 'metrics.jsonl', 'report.html', 'samples'],
      ].sort(),
    );
    // The newest two.
    expect(await fs.readdir(join(run, 'checkpoints'))).toEqual(['step-000020', 'step-000024']);
    expect(await fs.readdir(join(run, 'samples'))).toEqual(['step-000010.png', 'step-000020.png', 'step-000024.png']);
    expect(run).toMatch(/runs\/\d{8}-\d{6}-neutral-to-disgust$/);
    expect(await fs.realpath(join(config.runs, 'latest'))).toBe(await fs.realpath(run));
  });

  test('shows itself on a page of its own', async () => {
    const page = await fs.readFile(join(run, 'report.html'), 'utf8');
    for (const text of ['Neutral to Disgust', '24 of 24', 'step-000024.png', 'step-000010.png', 'lambdaCycle'])
      expect(page).toContain(text);
    // Nothing is fetched from elsewhere.
    expect([...page.matchAll(/(?:src|href)="(?!data:)/g)]).toEqual([]);
    expect([...page.matchAll(/src="data:image\/png;base64,/g)]).toHaveLength(3);
  });

  test('gives its generators again as ONNX, whole or at half the size', async () => {
    const out = (name: string) => join(folder, 'exported', name);
    for (const direction of ['ab', 'ba'] as const) {
      expect(await exportGenerator({ run }, { direction, out: out('whole.onnx'), force: true })).toBe(24);
      expect((await fs.readFile(out('whole.onnx'))).equals(await fs.readFile(join(run, `gen_${direction}.onnx`)))).toBe(
        true,
      );
    }
    const checkpoint = join(run, 'checkpoints', 'step-000020');
    const options = { direction: 'ab', half: true, anonymous: true, out: out('half.onnx') } as const;
    expect(await exportGenerator(resumePoint(checkpoint), options)).toBe(20);
    const [half, whole] = await Promise.all(['half.onnx', 'whole.onnx'].map((name) => fs.readFile(out(name))));
    expect(half!.length).toBeLessThan(whole!.length);
    expect(whole!.includes(config.data)).toBe(true);
    expect(half!.includes(config.data)).toBe(false);
    expect(half!.includes('Disgust')).toBe(true);
    await expect(exportGenerator({ run: folder }, options)).rejects.toThrow(/config\.json/);
  });

  test('keeps every option, and they resolve to themselves', async () => {
    expect(await resolveConfig({ file: join(run, 'config.json') })).toEqual(config);
  });

  test('tells what it does', () => {
    expect(start).toMatchObject({
      classA: 'Neutral',
      classB: 'Disgust',
      imagesA: 5,
      imagesB: 3,
      step: 0,
      lastStep: 24,
    });
    expect(start!.sizes.generatorAB).toBeGreaterThan(1000);
    expect(steps).toEqual(Array.from({ length: 24 }, (_, i) => i + 1));
  });

  test('logs means over logEvery steps', async () => {
    const written = await readMetrics(join(run, 'metrics.jsonl'));
    expect(written).toEqual(lines);
    expect(written.map(({ step, epoch }) => [step, epoch])).toEqual([
      [4, 1],
      [8, 2],
      [12, 2],
      [16, 3],
      [20, 4],
      [24, 4],
    ]);
    expect(written[0]!.learningRate).toBe(config.learningRate);
    expect(written[5]!.learningRate).toBeCloseTo(config.learningRate / 12, 10);
    for (const line of written) expect(line.cycleA).toBeGreaterThan(0);
  });

  test('its sample sheets show the same faces', async () => {
    const sheet = async (step: string) =>
      sharp(join(run, 'samples', `step-${step}.png`))
        .greyscale()
        .raw()
        .toBuffer({ resolveWithObject: true });
    const [one, two] = [await sheet('000010'), await sheet('000020')];
    expect(one.info).toEqual(two.info);
    // The first row below the title is real faces, the next their translations.
    const rows = (image: typeof one, from: number, to: number) =>
      image.data.subarray(from * image.info.width, to * image.info.width);
    const side = 96;
    const top = 20;
    expect(rows(one, top, top + side).equals(rows(two, top, top + side))).toBe(true);
    expect(rows(one, top + side + 2, top + 2 * side).equals(rows(two, top + side + 2, top + 2 * side))).toBe(false);
  });
});

describe('a run that is stopped', () => {
  test('and resumed gives the bits of one that was not', async () => {
    const whole = await trainCycleGan(config);
    const sitting = { ...config, maxSteps: 7 };
    const first = await trainCycleGan(sitting);
    expect(first).toMatchObject({ step: 7, stopped: 'max-steps' });
    expect(existsSync(join(first.folder, 'gen_ab.onnx'))).toBe(true);
    const second = await trainCycleGan({ ...config, maxSteps: 13 }, { resume: first.folder });
    expect(second).toMatchObject({ folder: await fs.realpath(first.folder), step: 13, stopped: 'max-steps' });
    const third = await trainCycleGan(config, { resume: first.folder });
    expect(third).toMatchObject({ step: 24, stopped: 'finished' });
    expect(await weightsOf(third.folder, '000024')).toBe(await weightsOf(whole.folder, '000024'));
    const losses = async (run: string) =>
      (await readMetrics(join(run, 'metrics.jsonl'))).map((line) => ({ ...line, seconds: 0 }));
    expect(await losses(third.folder)).toEqual(await losses(whole.folder));
    const onnx = (run: string) => fs.readFile(join(run, 'gen_ab.onnx'), 'base64');
    expect(await onnx(third.folder)).toBe(await onnx(whole.folder));
  });

  test('by its signal finishes the step and leaves everything', async () => {
    const controller = new AbortController();
    const result = await trainCycleGan(config, {
      signal: controller.signal,
      onStep: (step) => {
        if (step === 3) controller.abort();
      },
    });
    expect(result).toMatchObject({ step: 3, stopped: 'aborted' });
    expect(await fs.readdir(join(result.folder, 'checkpoints'))).toEqual(['step-000003']);
    expect(existsSync(join(result.folder, 'gen_ba.onnx'))).toBe(true);
    expect(existsSync(join(result.folder, 'samples', 'step-000003.png'))).toBe(true);
  });

  test('stops after so many minutes', async () => {
    const result = await trainCycleGan({ ...config, maxMinutes: 1e-9 });
    expect(result).toMatchObject({ step: 0, stopped: 'max-minutes' });
  });

  test('can go on from an older checkpoint when told to, which drops what came later', async () => {
    const run = await halfRun();
    const before = await fs.readdir(run, { recursive: true });
    const sitting = { ...config, maxSteps: 8, keepCheckpoints: 3 };
    const resume = join(run, 'checkpoints', 'step-000005');
    await expect(trainCycleGan(sitting, { resume })).rejects.toThrow(
      new UserError(
        'Going on from step-000005 would remove later checkpoints of the run: step-000010, step-000012. ' +
          `Resume the run itself (--resume ${run}), or go back to that step with --force.`,
      ),
    );
    expect(await fs.readdir(run, { recursive: true })).toEqual(before);
    const result = await trainCycleGan(sitting, { resume, force: true });
    expect(result.step).toBe(8);
    expect(await fs.readdir(join(run, 'checkpoints'))).toEqual(['step-000005', 'step-000008']);
    expect(await fs.readdir(join(run, 'samples'))).toEqual(['step-000008.png']);
    expect((await readMetrics(join(run, 'metrics.jsonl'))).map(({ step }) => step)).toEqual([4, 8]);
  });

  test('goes on from its newest checkpoint by name, but not from one past its last step', async () => {
    const run = await halfRun();
    const resume = join(run, 'checkpoints', 'step-000012');
    await expect(trainCycleGan({ ...config, maxSteps: 11 }, { resume: run })).rejects.toThrow(
      new UserError(`${run} is already at step 12, past --max-steps 11: give a later step, or none.`),
    );
    // What a kill kept from being written is written.
    await fs.rm(join(run, 'gen_ab.onnx'));
    expect(await trainCycleGan({ ...config, maxSteps: 12 }, { resume })).toMatchObject({ stopped: 'max-steps' });
    expect(existsSync(join(run, 'gen_ab.onnx'))).toBe(true);
    expect((await trainCycleGan({ ...config, maxSteps: 13 }, { resume })).step).toBe(13);
  });

  test('not while it is being trained, which nothing disturbs', async () => {
    const run = await halfRun();
    const refused: unknown[] = [];
    const onStep = async (step: number) => {
      if (step === 14) await trainCycleGan(config, { resume: run }).catch((error: unknown) => refused.push(error));
    };
    const attempts: Promise<void>[] = [];
    const result = await trainCycleGan(
      { ...config, maxSteps: 24 },
      { resume: run, onStep: (step) => void attempts.push(onStep(step)) },
    );
    await Promise.all(attempts);
    expect(refused).toEqual([
      new UserError(
        `${run} is in use: process ${process.pid} trains in it. Wait until it ends, or stop it (kill -INT ${process.pid}).`,
      ),
    ]);
    expect(result.step).toBe(24);
    expect((await readMetrics(join(run, 'metrics.jsonl'))).map(({ step }) => step)).toEqual([4, 8, 12, 16, 20, 24]);
  });

  test('does not take losses that it cannot read for none', async () => {
    const run = await halfRun();
    const metrics = join(run, 'metrics.jsonl');
    await fs.rm(metrics);
    await fs.mkdir(metrics);
    await expect(trainCycleGan(config, { resume: run })).rejects.toThrow(/^Cannot read .*metrics\.jsonl: EISDIR/);
  });

  test('goes on on another engine, and says what that changes', async () => {
    const run = await halfRun();
    const warnings: string[] = [];
    const onWarning = (text: string) => warnings.push(text);
    const result = await trainCycleGan({ ...config, engine: 'cpu', maxSteps: 13 }, { resume: run, onWarning });
    expect(result.step).toBe(13);
    expect(warnings[0]).toMatch(/^The run was begun on the engine native\. On cpu its numbers differ by rounding/);
    expect((await readRunConfig(run)).engine).toBe('native');
    await useEngine('native');
  });

  test('does not resume with another option, or from nothing', async () => {
    const run = await halfRun();
    await expect(trainCycleGan({ ...config, seed: 9 }, { resume: run })).rejects.toThrow(/--seed cannot change/);
    await expect(trainCycleGan(config, { resume: folder })).rejects.toThrow(
      /Cannot read the configuration .*config\.json/,
    );
    await expect(trainCycleGan(config, { resume: join(run, 'checkpoints', 'step-999999') })).rejects.toThrow(
      /There is no checkpoint .*step-999999\. The run has step-\d{6}/,
    );
    await fs.rm(join(run, 'checkpoints'), { recursive: true });
    await expect(trainCycleGan(config, { resume: run })).rejects.toThrow(/has no checkpoint/);
  });
});

test('a run does not go on with other data', async () => {
  const data = join(folder, 'other');
  await fs.cp(config.data, data, { recursive: true });
  const run = (await trainCycleGan({ ...config, data, maxSteps: 2 })).folder;
  await fs.rename(join(data, 'Neutral', '0.png'), join(data, 'Neutral', '9.png'));
  await expect(trainCycleGan({ ...config, data }, { resume: run })).rejects.toThrow(
    /The images of Neutral and Disgust in .*other are not those that the run .* was trained on/,
  );
});

describe('a checkpoint that was harmed is named, with the one before it', () => {
  const newest = 'step-000012';
  test.each([
    [
      'cut short',
      (file: string) => fs.truncate(join(file, 'tensors.safetensors'), 500),
      /tensors\.safetensors is cut short/,
    ],
    ['without tensors', (file: string) => fs.rm(join(file, 'tensors.safetensors')), /tensors\.safetensors.*ENOENT/],
    ['of half a state', (file: string) => fs.truncate(join(file, 'state.json'), 40), /state\.json/],
    [
      'of another state',
      (file: string) => fs.writeFile(join(file, 'state.json'), '{"version": 1, "seconds": -3}'),
      /state\.json is not the state of a checkpoint: seconds/,
    ],
  ] as const)('%s', async (_, harm, message) => {
    const run = await halfRun();
    await harm(join(run, 'checkpoints', newest));
    const resuming = trainCycleGan(config, { resume: run });
    await expect(resuming).rejects.toThrow(UserError);
    await expect(resuming).rejects.toThrow(message);
    await expect(resuming).rejects.toThrow(/The checkpoint before it is .*step-000010: resume from that one/);
    expect(await fs.readdir(join(run, 'checkpoints'))).toContain(newest);
  });

  test('after a million steps', async () => {
    const run = await halfRun();
    const of = (step: string) => join(run, 'checkpoints', `step-${step}`);
    await fs.rename(of('000010'), of('999999'));
    await fs.rename(of('000012'), of('1000000'));
    await fs.rm(join(of('1000000'), 'state.json'));
    await expect(trainCycleGan(config, { resume: run })).rejects.toThrow(
      /step-1000000.*The checkpoint before it is .*step-999999: resume/,
    );
  });

  test('of another shape', async () => {
    const run = await halfRun();
    const other = { ...config, baseWidth: 4 };
    await fs.writeFile(join(run, 'config.json'), JSON.stringify(other));
    await expect(trainCycleGan(other, { resume: run })).rejects.toThrow(
      /tensors\.safetensors does not fit the run's config\.json: generatorAB\/encoder\.0\.filter has shape \[7, 7, 1, 2\], expected \[7, 7, 1, 4\]/,
    );
  });
});

test('a full disk ends the run with the previous checkpoint intact', async () => {
  const run = (await trainCycleGan({ ...config, maxSteps: 5 })).folder;
  const before = await weightsOf(run, '000005');
  disk.full = 'tensors.safetensors';
  try {
    const resuming = trainCycleGan(config, { resume: run });
    await expect(resuming).rejects.toThrow(UserError);
    await expect(resuming).rejects.toThrow(/Cannot write the checkpoint .*step-000010: .*ENOSPC: no space left/);
  } finally {
    disk.full = undefined;
  }
  expect(await fs.readdir(join(run, 'checkpoints'))).toEqual(['step-000005']);
  expect(await weightsOf(run, '000005')).toBe(before);
  expect((await trainCycleGan({ ...config, maxSteps: 6 }, { resume: run })).step).toBe(6);
});

describe('nothing is written for', () => {
  test.each([
    ['an unknown class', { to: 'Boredom' }, /no class 'Boredom'\. Classes: .*Neutral/],
    ['missing data', { data: '/nowhere/faces.csv' }, /\/nowhere\/faces\.csv/],
    ['a missing feature network', { perceptualAlpha: 1, features: '/nowhere/vgg.npz' }, /\/nowhere\/vgg\.npz/],
  ] satisfies [string, Partial<TrainConfig>, RegExp][])('%s', async (_, change, message) => {
    const runs = join(folder, 'none');
    const failing = trainCycleGan({ ...config, ...change, runs });
    await expect(failing).rejects.toThrow(UserError);
    await expect(failing).rejects.toThrow(message);
    expect(existsSync(runs)).toBe(false);
  });

  test.each([
    [
      'a full disk',
      (): Promise<void> => {
        disk.full = 'config.json';
        return Promise.resolve();
      },
      /Cannot write .*config\.json: ENOSPC/,
    ],
    [
      'a folder in the place of runs/latest',
      async (runs: string): Promise<void> => {
        await fs.mkdir(join(runs, 'latest'), { recursive: true });
      },
      /Cannot point .*latest at/,
    ],
  ] as const)('%s: no run folder is left', async (what, prepare, message) => {
    const runs = join(folder, what.replaceAll(/\W/g, '-'));
    try {
      await prepare(runs);
      await expect(trainCycleGan({ ...config, runs })).rejects.toThrow(message);
    } finally {
      disk.full = undefined;
    }
    expect((await fs.readdir(runs)).filter((name) => name !== 'latest')).toEqual([]);
  });

  test('a bad image, which is counted on demand instead', async () => {
    const data = join(folder, 'bad');
    await fs.cp(config.data, data, { recursive: true });
    await fs.writeFile(join(data, 'Neutral', '0.png'), 'no image');
    const runs = join(folder, 'bad-runs');
    await expect(trainCycleGan({ ...config, data, runs })).rejects.toThrow(/0\.png is no image that can be read/);
    expect(existsSync(runs)).toBe(false);
    const starts: RunStart[] = [];
    await trainCycleGan(
      { ...config, data, runs, skipBad: true, maxSteps: 1 },
      { onStart: (told) => starts.push(told) },
    );
    expect(starts).toMatchObject([{ imagesA: 4, skipped: [expect.stringContaining('0.png')] }]);
  });

  test('a class of one image', async () => {
    const data = join(folder, 'one');
    await fs.cp(config.data, data, { recursive: true });
    for (const name of ['1.png', '2.png']) await fs.rm(join(data, 'Disgust', name));
    const runs = join(folder, 'one-runs');
    await expect(trainCycleGan({ ...config, data, runs })).rejects.toThrow(
      'The class Disgust has 1 image, expected at least 2.',
    );
    expect(existsSync(runs)).toBe(false);
  });

  test('an unknown class leaves no tensor either', async () => {
    const numTensors = () => tf.memory().numTensors;
    await useEngine('native');
    const before = numTensors();
    await expect(setUp({ ...config, perceptualAlpha: 1, to: 'Boredom' })).rejects.toThrow(/no class 'Boredom'/);
    expect(numTensors()).toBe(before);
  });

  test('a run folder that cannot be made', async () => {
    await fs.writeFile(join(folder, 'file'), '');
    const runs = join(folder, 'file', 'runs');
    await expect(trainCycleGan({ ...config, runs })).rejects.toThrow(/Cannot make the folder .*file\/runs/);
  });
});

test('divergence is an error that names the loss and the step, and no checkpoint is written of it', async () => {
  const run = (await trainCycleGan({ ...config, maxSteps: 5 })).folder;
  const file = join(run, 'checkpoints', 'step-000005', 'tensors.safetensors');
  const { params } = await readWeights(file);
  params['discriminatorA/layers.0.filter']!.values.fill(Number.NaN);
  await writeWeights(file, params, {}, 'float32');
  const resuming = trainCycleGan(config, { resume: run });
  await expect(resuming).rejects.toThrow(UserError);
  await expect(resuming).rejects.toThrow(/The training has diverged: the loss adversarialBA is NaN at step 6\./);
  expect(await fs.readdir(join(run, 'checkpoints'))).toEqual(['step-000005']);
});
