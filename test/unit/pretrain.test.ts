import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { FaceSet } from '../../ts/data/faces.js';
import { syntheticFaces } from '../../ts/data/synthetic.js';
import { loadFeatureNetwork } from '../../ts/models/feature-network.js';
import { readWeights, writeWeights } from '../../ts/models/weights.js';
import { TrainingBatches, targetOf } from '../../ts/classify/batches.js';
import { evaluatePretrained } from '../../ts/pretrain/evaluate.js';
import { chooseHoldout } from '../../ts/pretrain/holdout.js';
import { pretrainDefaults, resolvePretrain, type PretrainConfig } from '../../ts/pretrain/options.js';
import { pretrain } from '../../ts/pretrain/pretrain.js';
import { oneCycle } from '../../ts/classify/train-classifier.js';
import { crowdLabel } from '../../ts/data/votes.js';
import { sharedFile } from '../helpers/shared.js';

let folder: string;
/** Six small faces of each class as image files: quick to read, for what needs no learning. */
let data: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pretrain-'));
  data = join(folder, 'faces');
  const { pixels, labels, classNames } = await syntheticFaces({ size: 16, channels: 1, count: 42, seed: 1 });
  for (const name of classNames) await mkdir(join(data, name), { recursive: true });
  await Promise.all(
    Array.from(labels, (label, i) =>
      sharp(pixels.subarray(i * 256, (i + 1) * 256), { raw: { width: 16, height: 16, channels: 1 } }).toFile(
        join(data, classNames[label]!, `${i}.png`),
      ),
    ),
  );
});
afterAll(() => rm(folder, { recursive: true }));

/** Columns: neutral, happiness, surprise, sadness, anger, disgust, fear, contempt, unknown, NF. */
const votes = Float32Array.from([
  ...[1, 0, 0, 0, 3, 0, 0, 5, 1, 0], // Angry, of those who chose a class
  ...[4, 0, 0, 4, 0, 0, 0, 0, 0, 2], // a tie
  ...[0, 0, 0, 0, 0, 0, 0, 3, 7, 0], // no class
]);
/** Three faces of 4x4 pixels. */
const few: FaceSet = {
  size: 4,
  channels: 1,
  count: 3,
  classNames: ['Angry', 'Disgust', 'Fear', 'Happy', 'Sad', 'Surprise', 'Neutral'],
  pixels: Uint8Array.from({ length: 48 }, (_, i) => 5 * i),
  labels: Uint8Array.from([3, 1, 6]),
  groups: Int32Array.from([0, 1, 2]),
  source: String,
  skipped: [],
};

describe('targets', () => {
  test('are the votes for the classes, as fractions', () => {
    const faces = { ...few, votes };
    expect(targetOf(faces, 0)).toEqual([0.75, 0, 0, 0, 0, 0, 0.25]);
    expect(targetOf(faces, 1)).toEqual([0, 0, 0, 0, 0.5, 0, 0.5]);
    expect([0, 1, 2].map((i) => crowdLabel(votes, i))).toEqual([0, undefined, undefined]);
  });

  test('are labels where nobody voted for a class, or there are no votes', () => {
    expect(targetOf({ ...few, votes }, 2)).toEqual([0, 0, 0, 0, 0, 0, 1]);
    expect(targetOf(few, 0)).toEqual([0, 0, 0, 1, 0, 0, 0]);
  });
});

describe('TrainingBatches', () => {
  const options = { batchSize: 3, labelSmoothing: 0.07, seed: 5 };
  const batches = (faces: FaceSet = few) => new TrainingBatches(faces, Int32Array.from([0, 1, 2]), options);

  test('draw every image once a round, the same for the same seed', () => {
    const [one, other] = [batches(), batches()];
    for (let round = 0; round < 3; round++) {
      const batch = one.next(false);
      expect(batch).toEqual(other.next(false));
      const labels = [0, 1, 2].map((n) => {
        const target = [...batch.targets.subarray(7 * n, 7 * n + 7)];
        return target.indexOf(Math.max(...target));
      });
      expect(labels.sort()).toEqual([1, 3, 6]);
    }
  });

  test('smooth their labels', () => {
    const sorted = batches().next(false).targets.sort();
    expect(sorted[0]).toBeCloseTo(0.01);
    expect(sorted.at(-1)).toBeCloseTo(0.94);
    expect(sorted.reduce((a, b) => a + b, 0)).toBeCloseTo(3);
  });

  test('mirror, shift and light their images, and change nothing else', async () => {
    const faces = await syntheticFaces({ size: 24, channels: 1, count: 1, seed: 1 });
    const drawn = new TrainingBatches(faces, Int32Array.of(0), { ...options, batchSize: 16 }).next(false);
    const seen = new Set<string>();
    for (let n = 0; n < 16; n++) {
      const image = drawn.images.subarray(n * 576, (n + 1) * 576);
      // Some mirrored and shifted original explains the inner pixels but for a straight line.
      let best = { residual: Infinity, key: '' };
      for (const mirrored of [false, true])
        for (let dx = -2; dx <= 2; dx++)
          for (let dy = -2; dy <= 2; dy++) {
            const residual = misfit(image, (x, y) => {
              const column = mirrored ? 23 - (x + dx) : x + dx;
              return faces.pixels[(y + dy) * 24 + column]! / 127.5 - 1;
            });
            if (residual < best.residual) best = { residual, key: `${mirrored} ${dx} ${dy}` };
          }
      expect(best.residual).toBeLessThan(1e-4);
      seen.add(best.key);
    }
    expect(seen.size).toBeGreaterThan(8);
  });

  test('give images of half the side as means', () => {
    const flat = { ...few, pixels: new Uint8Array(48).fill(255) };
    const [whole, half] = [batches(flat).next(false), batches(flat).next(true)];
    expect([whole.side, half.side]).toEqual([4, 2]);
    for (let n = 0; n < 3; n++)
      for (let i = 0; i < 4; i++) expect(half.images[4 * n + i]).toBeCloseTo(whole.images[16 * n]!, 5);
    const [w, h] = [batches().next(false).images, batches().next(true).images];
    expect(h[0]).toBeCloseTo((w[0]! + w[1]! + w[4]! + w[5]!) / 4, 5);
  });
});

/** Largest residual of the best line from `original` to an image of 24x24, edges left out. */
function misfit(image: Float32Array, original: (x: number, y: number) => number): number {
  const pairs: [number, number][] = [];
  for (let y = 2; y < 22; y++) for (let x = 2; x < 22; x++) pairs.push([original(x, y), image[y * 24 + x]!]);
  const n = pairs.length;
  const mean = (at: 0 | 1) => pairs.reduce((sum, pair) => sum + pair[at], 0) / n;
  const [mx, my] = [mean(0), mean(1)];
  const slope =
    pairs.reduce((sum, [a, b]) => sum + (a - mx) * (b - my), 0) / pairs.reduce((sum, [a]) => sum + (a - mx) ** 2, 0);
  return Math.max(...pairs.map(([a, b]) => Math.abs(b - my - slope * (a - mx))));
}

describe('chooseHoldout', () => {
  test('takes PublicTest without images that also stand in Training', () => {
    const faces: FaceSet = {
      ...few,
      count: 5,
      labels: Uint8Array.from([0, 1, 2, 3, 4]),
      groups: Int32Array.from([0, 1, 0, 2, 3]),
      usage: ['training', 'training', 'public', 'public', 'private'],
    };
    const { train, holdout, description } = chooseHoldout(faces, null, 1);
    expect([[...train], [...holdout]]).toEqual([[0, 1], [3]]);
    expect(description).toBe('PublicTest without the images that also stand in Training');
  });

  test('else takes a part of every class', async () => {
    const faces = await syntheticFaces({ size: 8, channels: 1, count: 70, seed: 1 });
    expect(chooseHoldout(faces, null, 1).holdout.length).toBe(7);
    const { holdout, description } = chooseHoldout(faces, 0.2, 1);
    expect(holdout.length).toBe(14);
    expect(description).toBe('20 % of every class, seed 1, equal images on one side');
  });
});

describe('oneCycle', () => {
  test('rises over a tenth of the steps and falls to 0', () => {
    const rates = Array.from({ length: 100 }, (_, step) => oneCycle(step, 100, 2));
    expect(Math.max(...rates)).toBe(2);
    expect([rates[0], rates[4], rates[9], rates[10], rates[55]]).toEqual([0.2, 1, 2, 2, expect.closeTo(1)]);
    expect(rates[99]).toBeLessThan(0.001);
    for (let i = 11; i < 100; i++) expect(rates[i]).toBeLessThan(rates[i - 1]!);
  });

  test('is above 0 in a run of one step', () => {
    expect(oneCycle(0, 1, 2)).toBe(2);
  });
});

describe('resolvePretrain', () => {
  test('has defaults', () => {
    expect(resolvePretrain({ epochs: undefined })).toEqual(pretrainDefaults);
  });

  test.each([
    [{ epochs: 0 }, 'epochs (--epochs) but received 0'],
    [{ width: 5 }, 'Expected a number above 0, at most 4 for width (--width) but received 5'],
    [{ size: 17 }, 'an even integer between 16 and 512 for size (--size)'],
    [{ holdout: 1 }, 'a number between 0 and 1 for holdout (--holdout)'],
    [{ out: 'weights.npz' }, 'a file name that ends in .safetensors for out (--out)'],
    [{ size: 24 }, '0 for images of 24 pixels (half of them is below 16) for smallFraction (--small-fraction)'],
    [{ epoch: 1 }, "Unknown option 'epoch'. Options: data, ferplus, "],
    [{ batchSize: 'x' }, "for batchSize (--batch-size) but received 'x' of type string"],
  ])('refuses %j', (settings, message) => {
    expect(() => resolvePretrain(settings)).toThrow(message);
  });
});

describe('pretrain', () => {
  /** A tiny network, about 5 seconds. */
  const config: PretrainConfig = {
    ...pretrainDefaults,
    size: 24,
    width: 1 / 16,
    smallFraction: 0,
    epochs: 15,
    batchSize: 32,
    learningRate: 0.008,
    holdout: 0.25,
  };

  test('learns to tell synthetic faces, and writes a feature network and its card', { timeout: 180_000 }, async () => {
    const file = join(folder, 'made', 'tiny.safetensors');
    const losses: number[] = [];
    const result = await pretrain({ ...config, out: file }, { onStep: (_, loss) => losses.push(loss) });
    expect(losses.length).toBe(result!.steps);
    expect(losses[0]).toBeCloseTo(Math.log(7), 0);
    // Chance is 0.16: the largest classes hold 120 of 760 faces.
    expect(result!.score).toEqual({ images: 190, label: result!.score.label });
    expect(result!.score.label).toBeGreaterThan(0.3);

    const loaded = await loadFeatureNetwork(file, ['relu1_2', 'relu5_4']);
    expect(loaded).toMatchObject({ width: 1 / 16, channels: 1, normalise: undefined });
    const card = await readFile(result!.card, 'utf8');
    expect(card).toContain('# tiny\n');
    expect(card).toContain(`${(100 * result!.score.label).toFixed(1)} % of the labels (190 images held out`);
    expect(card).toContain('570 training images of synthetic faces, 24x24, grey');
    expect(card).toContain(
      '`npm run pretrain -- --data synthetic --holdout 0.25 --size 24 --width 0.0625 --epochs 15 ' +
        '--small-fraction 0 --batch-size 32 --learning-rate 0.008`',
    );
    expect((await readdir(join(folder, 'made'))).sort()).toEqual(['tiny.md', 'tiny.safetensors']);

    // Half precision changes little: the file scores what training said.
    const { score } = await evaluatePretrained({ ...config, weights: file });
    expect(Math.abs(score.label - result!.score.label)).toBeLessThan(0.03);
    expect(JSON.parse(loaded.metadata['score']!)).toEqual(result!.score);
  });

  /** Runs of a blink. */
  const quick = (out: string): PretrainConfig => ({
    ...pretrainDefaults,
    data,
    size: 16,
    width: 1 / 32,
    smallFraction: 0,
    epochs: 2,
    batchSize: 8,
    holdout: 0.3,
    out: join(folder, out),
  });

  test('writes what was learnt so far when it is stopped, and says so', async () => {
    const controller = new AbortController();
    const small = { ...quick('stopped.safetensors'), size: 32, smallFraction: 0.5, epochs: 10 };
    const result = await pretrain(small, {
      signal: controller.signal,
      onStep: (step) => {
        if (step === 4) controller.abort();
      },
    });
    expect(result).toMatchObject({ stepsDone: 4, steps: 35 });
    expect(await readFile(result!.card, 'utf8')).toContain(
      '4 of 8 images; stopped before the end, after 4 of 35 steps',
    );
    await loadFeatureNetwork(result!.file);
  });

  test('writes nothing when it is stopped before the first step', async () => {
    expect(await pretrain(quick('none.safetensors'), { signal: AbortSignal.abort() })).toBeUndefined();
    expect(existsSync(join(folder, 'none.safetensors'))).toBe(false);
  });

  test('gives the same file for the same seed', async () => {
    const files = await Promise.all(
      ['a', 'b'].map(async (name) => {
        const result = await pretrain(quick(`${name}.safetensors`));
        return readFile(result!.file);
      }),
    );
    expect(files[0]!.equals(files[1]!)).toBe(true);
  });

  test('refuses a batch larger than its data, and a folder that it cannot write to', async () => {
    await expect(pretrain({ ...quick('x.safetensors'), batchSize: 400 })).rejects.toThrow(
      /faces gives 28 images to train on and 14 to measure on, expected at least 400 \(--batch-size\) and 1\.$/,
    );
    await expect(pretrain({ ...quick('x.safetensors'), out: '/proc/none/x.safetensors' })).rejects.toThrow(
      /^Cannot make the folder/,
    );
    const steps: number[] = [];
    await mkdir(join(folder, 'taken.safetensors'));
    await expect(pretrain(quick('taken.safetensors'), { onStep: (step) => steps.push(step) })).rejects.toThrow(
      /^Cannot write .*taken\.safetensors: it is a folder\.$/,
    );
    expect(steps).toEqual([]);
  });

  test('replaces no file without being told to, nor a card', async () => {
    for (const name of ['mine.safetensors', 'mine.md']) {
      const file = join(folder, name);
      await writeFile(file, 'mine');
      const onEngine = vi.fn();
      await expect(pretrain({ ...quick('mine.safetensors'), engine: 'auto' }, { onEngine })).rejects.toThrow(
        `The file ${file} is there already: name another with --out, or replace it with --force.`,
      );
      expect(onEngine).not.toHaveBeenCalled();
      expect(await readFile(file, 'utf8')).toBe('mine');
      if (name.endsWith('.safetensors')) await rm(file);
    }
    const { file } = (await pretrain({ ...quick('mine.safetensors'), force: true }))!;
    await loadFeatureNetwork(file);
    expect(await readFile(join(folder, 'mine.md'), 'utf8')).not.toContain('--force');
  });

  test('makes no folder for a file that bad data does not give', async () => {
    const missing = { ...quick('new/x.safetensors'), data: join(folder, 'none.csv') };
    await expect(pretrain(missing)).rejects.toThrow(/^Cannot read the data .*none\.csv/);
    expect(existsSync(join(folder, 'new'))).toBe(false);
  });
});

describe('evaluatePretrained', () => {
  const options = {
    data: 'synthetic',
    ferplus: null,
    skipBad: false,
    holdout: null,
    seed: 1,
    engine: 'native',
  } as const;

  test('refuses files that are no classifier, or one of other classes', async () => {
    const vector = { shape: [3], values: new Float32Array(3) };
    const weights = join(folder, 'other.safetensors');
    await writeWeights(weights, { bias: vector }, {}, 'float32');
    await expect(evaluatePretrained({ ...options, data, weights })).rejects.toThrow(/no file of npm run pretrain/);

    await pretrain({
      ...pretrainDefaults,
      ...{ data, size: 16, smallFraction: 0, width: 1 / 64, epochs: 0.5, batchSize: 8, out: weights, force: true },
    });
    const { params, metadata } = await readWeights(weights);
    await writeWeights(weights, params, { ...metadata, classes: '["a","b","c","d","e","f","g"]' }, 'float32');
    await expect(evaluatePretrained({ ...options, data, weights })).rejects.toThrow(
      /tells 7 classes apart \(\["a","b","c","d","e","f","g"\]\), but .*faces has \["Angry"/,
    );
    await writeWeights(weights, params, { ...metadata, size: 'large' }, 'float32');
    await expect(evaluatePretrained({ ...options, data, weights })).rejects.toThrow(
      /other\.safetensors: its size is large, expected an even integer/,
    );
    await writeWeights(weights, params, metadata, 'float32');
    await expect(evaluatePretrained({ ...options, data, weights, holdout: 0.01 })).rejects.toThrow(
      /faces gives no images to measure on \(held out: 1 % of every class, seed 1/,
    );
  });

  const ferFile = sharedFile('data/fer2013.csv.gz');
  const ferplus = sharedFile('data/ferplus.csv');
  test.skipIf(!ferFile || !ferplus)('gives the shipped network what its card says', { timeout: 180_000 }, async () => {
    const weights = new URL('../../models/faces-vgg19-w50.safetensors', import.meta.url).pathname;
    const { score } = await evaluatePretrained({ ...options, data: ferFile!, ferplus: ferplus!, weights, limit: 330 });
    // The card: 54.1 % and 78.1 % of 3300 images. A tenth of them has a standard error of 2.7 points.
    expect(score.images).toBe(330);
    expect(Math.abs(score.label - 0.541)).toBeLessThan(0.08);
    expect(Math.abs(score.crowd! - 0.781)).toBeLessThan(0.08);
  });
});
