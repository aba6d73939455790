import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { augment } from '../../ts/augment/augment.js';
import { UserError } from '../../ts/base/errors.js';
import { digestOfFaces, loadFaces, selectFaces, type FaceSet } from '../../ts/data/faces.js';
import { digestOfFile, facesToAdd } from '../../ts/evaluate/added-faces.js';
import { readGeneratedFolder } from '../../ts/augment/generated-folder.js';
import { imagesOfJob } from '../../ts/evaluate/job-faces.js';
import { JobStore } from '../../ts/evaluate/job-store.js';
import type { VerdictName } from '../../ts/evaluate/figures.js';
import { jobHash, type Job, type JobResult } from '../../ts/evaluate/job.js';
import { resolveEvaluate } from '../../ts/evaluate/options.js';
import { summarize } from '../../ts/evaluate/summary.js';
import { onTopOf, planArms, type AddedFaces, type Treatment } from '../../ts/evaluate/treatment.js';
import { findingOf, signed, verdicts } from '../../ts/evaluate/verdict.js';
import { tinyGenerator } from '../helpers/generators.js';
import { writeTinyFaces } from '../helpers/tiny-run.js';

const size = 16;
let root: string;
let faces: FaceSet;
let onnx: string;
/** Eight faces made of the first Neutral ones, some of them mirrored or shifted. */
let made: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'rareface-evaluate-'));
  const data = join(root, 'faces');
  await writeTinyFaces(data, { Neutral: 6, Disgust: 4, Happy: 5 });
  faces = await loadFaces({ data, size, channels: 1 });
  onnx = join(root, 'gen.onnx');
  await writeFile(onnx, await tinyGenerator({ size, data }));
  made = join(root, 'made');
  await augment({ onnx, n: 8, out: made, engine: 'native', data });
});
afterAll(() => rm(root, { recursive: true }));

const plain: Treatment = { sampling: 'natural', classWeights: 'none', variation: 'none', faces: null };
const digest = 'a'.repeat(64);
const generator: AddedFaces = {
  from: 'generator',
  onnx: { path: 'gen.onnx', digest },
  n: 5,
  source: 'Neutral',
  class: 'Disgust',
  seed: 1,
};
const job: Job = {
  version: 1,
  data: { path: 'faces', digest, size, channels: 1, usage: 'all', skipBad: false, seed: 1 },
  split: { holdout: 1, folds: 3, seed: 1, repeat: 0, fold: 2 },
  treatment: { ...plain, faces: generator },
  classifier: {
    baseWidth: 2,
    epochs: 1,
    batchSize: 4,
    learningRate: 1e-3,
    labelSmoothing: 0,
    dropout: 0,
  },
  engine: 'native',
  precision: 'float32',
};

describe('arms', () => {
  test('are the baseline and every treatment that there is', () => {
    const names = (faces: AddedFaces | null) => planArms(null, faces).map(({ name }) => name);
    expect(names(null)).toEqual(['baseline', 'oversampling', 'class-weights', 'flips-and-shifts']);
    expect(names(generator).slice(4)).toEqual(['generated', 'best+generated']);
  });

  test('add up, on one another and on the best', () => {
    const [baseline, both, best, weights] = planArms(
      ['flips-and-shifts+oversampling', 'best+generated', 'class-weights'],
      generator,
    );
    expect(baseline).toEqual({ name: 'baseline', onBest: false, treatment: plain });
    expect(both!.treatment).toEqual({ ...plain, sampling: 'balanced', variation: 'flips-and-shifts' });
    expect(best).toMatchObject({ onBest: true, treatment: { faces: generator } });
    expect(onTopOf(weights!.treatment, best!).treatment).toEqual({
      ...plain,
      classWeights: 'balanced',
      faces: generator,
    });
  });

  test.each([
    [['oversample'], "Unknown arm 'oversample'. Arms are baseline, oversampling, class-weights, flips-and-shifts,"],
    [['generated'], 'The arm generated wants generated faces: name a generator with --onnx'],
    [['best'], "The arm best cannot be: 'best' is a classical treatment, for best+generated alone"],
    [['oversampling+oversampling'], 'The arm oversampling+oversampling has oversampling twice: name it once.'],
    [['oversampling+class-weights'], 'The arm oversampling+class-weights makes up for rare classes twice'],
  ])('%j is refused', (names, message) => {
    expect(() => planArms(names, null)).toThrow(message);
  });

  test('on the best want some to choose from', () => {
    expect(() => planArms(['best+generated'], generator)).toThrow('The arm best+generated wants classical ones');
  });
});

describe('a job', () => {
  test('is named by its content, wherever its files lie and however it is written', () => {
    const elsewhere: Job = {
      ...(JSON.parse(JSON.stringify(job)) as Job),
      data: { ...job.data, path: '/mnt/other' },
      treatment: { ...job.treatment, faces: { ...generator, onnx: { digest, path: 'other.onnx' } } },
    };
    const reordered = Object.fromEntries(Object.entries(elsewhere).reverse()) as unknown as Job;
    expect(jobHash(reordered)).toBe(jobHash(job));
    for (const other of [
      { ...job, split: { ...job.split, fold: 1 } },
      { ...job, treatment: plain },
      { ...job, data: { ...job.data, digest: 'b'.repeat(64) } },
      { ...job, classifier: { ...job.classifier, epochs: 2 } },
    ])
      expect(jobHash(other)).not.toBe(jobHash(job));
  });

  test('is kept when it is done, and a file that is not its result is refused', async () => {
    const store = await JobStore.open(join(root, 'store'));
    expect(await store.read(job)).toBeUndefined();
    const result = resultOf(job, [0.5, 0.5]);
    await store.write(result);
    expect(await store.read(job)).toEqual(result);
    expect(await readdir(join(root, 'store', 'jobs'))).toEqual([`${jobHash(job)}.json`]);
    for (const text of ['{"hash":', JSON.stringify({ ...result, hash: digest }), '{}']) {
      await writeFile(store.fileOf(job), text);
      await expect(store.read(job)).rejects.toThrow(/is no result of the fit that it is named after: delete it/);
    }
  });
});

/** A result whose one image of each of two classes has these probabilities of its own. */
function resultOf(of: Job, own: readonly number[]): JobResult {
  const predictions = {
    indices: [0, 1],
    labels: [0, 1],
    probabilities: [own[0]!, 1 - own[0]!, 1 - own[1]!, own[1]!],
  };
  return {
    hash: jobHash(of),
    job: of,
    classNames: ['Disgust', 'Happy'],
    trained: [9, 9],
    added: 0,
    fold: predictions,
    holdout: { indices: [], labels: [], probabilities: [] },
    steps: 1,
    seconds: 1,
  };
}

test('a class of which nothing can be held out is refused before the first fit', () => {
  // Disgust's images all equal one another: holding one out would hold out all.
  const groups = faces.groups.map((group, i) => (faces.labels[i] === 0 ? -1 : group));
  expect(() => imagesOfJob({ ...faces, groups }, { holdout: 1, folds: 2, seed: 1, repeat: 0, fold: 0 })).toThrow(
    'No image of Disgust can be held out: each equals more others than the 1 to hold out of a class (--holdout)',
  );
});

describe('generated faces', () => {
  const { classNames } = { classNames: ['Disgust', 'Happy', 'Neutral'] };
  const byHand = { signal: undefined, trainGenerator: () => Promise.reject(new Error('not asked for')) };

  test.each(['generator', 'folder'])('of a %s come from training images alone, whatever the fold', async (from) => {
    const one: AddedFaces =
      from === 'generator'
        ? { ...generator, onnx: { path: onnx, digest: await digestOfFile(onnx) }, n: 9 }
        : { from: 'folder', folder: { path: made, digest: await digestOfFile(join(made, 'manifest.csv')) } };
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 0xffff }),
        fc.integer({ min: 0, max: 2 }),
        // Some images equal to others.
        fc.array(fc.nat(5), { minLength: faces.count, maxLength: faces.count }),
        async (seed, fold, ties) => {
          const groups = faces.groups.map((group, i) => (ties[i] === 0 && i > 0 ? faces.groups[i - 1]! : group));
          const tied = { ...faces, groups };
          let images;
          try {
            images = imagesOfJob(tied, { holdout: 0, folds: 3, seed, repeat: 0, fold });
          } catch (error) {
            expect(error).toBeInstanceOf(UserError);
            return;
          }
          const train = new Set(images.train);
          const tested = new Set(images.fold.map((i) => groups[i]!));
          const { sources, labels, pixels } = await facesToAdd(one, tied, images.train, byHand);
          expect(sources.every((i) => train.has(i) && !tested.has(groups[i]!))).toBe(true);
          expect(labels.every((label) => classNames[label] === 'Disgust')).toBe(true);
          expect([labels.length, pixels.length]).toEqual([sources.length, sources.length * size * size]);
          if (one.from === 'generator') expect(sources.length).toBe(9);
        },
      ),
      // A generator's thread takes a second to start.
      { numRuns: from === 'generator' ? 4 : 40, seed: 3 },
    );
  });

  test('of a folder all count somewhere, and are read as they are', async () => {
    const { pixels, labels, sources, strangers } = await readGeneratedFolder(made, faces);
    const again = await loadFaces({ data: made, size, channels: 1 });
    expect(pixels).toEqual(again.pixels);
    expect([...labels]).toEqual(Array<number>(8).fill(0));
    expect(strangers).toBe(0);
    expect(sources.every(({ index }) => faces.classNames[faces.labels[index]!] === 'Neutral')).toBe(true);
    // What is no part of the data is counted.
    const fewer = selectFaces(
      faces,
      Int32Array.from(faces.labels.keys()).filter((i) => i !== sources[0]!.index),
    );
    const some = await readGeneratedFolder(made, fewer);
    expect(some.strangers).toBeGreaterThan(0);
    expect(some.sources.length + some.strangers).toBe(8);
  });

  test('as rows of FER2013 too', async () => {
    const large = await loadFaces({ data: join(root, 'faces'), size: 48, channels: 1 });
    const file = join(root, 'large.onnx');
    await writeFile(file, await tinyGenerator({ size: 48, data: join(root, 'faces') }));
    const rows = join(root, 'rows');
    await augment({ onnx: file, n: 3, out: rows, engine: 'native', format: 'csv' });
    expect((await readGeneratedFolder(rows, large)).sources.length).toBe(3);
    await expect(readGeneratedFolder(rows, faces)).rejects.toThrow(/None of 3 faces of .*rows was made from a face/);
  });

  test('that have changed, or are none, are refused', async () => {
    await expect(readGeneratedFolder(root, faces)).rejects.toThrow(
      /Cannot read .*manifest\.csv, expected the manifest/,
    );
    await expect(readGeneratedFolder(made, faces, digest)).rejects.toThrow(/is not what it was when the evaluation/);
    const face = join(made, 'Disgust', '00001.png');
    const before = await readFile(face);
    await writeFile(face, await readFile(join(made, 'Disgust', '00002.png')));
    await expect(readGeneratedFolder(made, faces)).rejects.toThrow(/00001\.png is not the face that .*line 2 tells of/);
    await writeFile(face, before);
    const stranger = { ...generator, onnx: { path: onnx, digest } };
    await expect(facesToAdd(stranger, faces, Int32Array.of(0), byHand)).rejects.toThrow(/is not the file that/);
  });

  test('of another size are refused', async () => {
    const large = await loadFaces({ data: join(root, 'faces'), size: 48, channels: 1 });
    const added: AddedFaces = { ...generator, onnx: { path: onnx, digest: await digestOfFile(onnx) } };
    await expect(facesToAdd(added, large, Int32Array.of(0), byHand)).rejects.toThrow(
      /gen\.onnx makes images of 16 pixels a side and 1 channel, and the evaluation's are of 48 pixels/,
    );
  });
});

describe('the summary', () => {
  const fits = (quality: readonly number[], treatment: Treatment) =>
    quality.map((own, fold) => resultOf({ ...job, treatment, split: { ...job.split, fold } }, [own, 0.9]));
  const arms = [
    { name: 'baseline', treatment: plain, results: fits([0.4, 0.4, 0.4], plain) },
    { name: 'better', treatment: plain, results: fits([0.6, 0.6, 0.6], plain) },
  ];

  test('compares fold by fold and says so in a sentence', () => {
    const summary = summarize(arms, [['better', 'baseline']], 'Disgust');
    const precision = summary.comparisons.find((c) => c.measure === 'precision' && c.of === 'Disgust')!;
    // One image of the class a fold: a step of its precision is 1. t = sqrt(12 / (1/3 + 1/9)).
    expect(precision).toMatchObject({ mean: 1, better: 3, fits: 3 });
    expect(precision.t).toBeCloseTo(Math.sqrt(12 / (1 / 3 + 1 / 9)), 10);
    expect(summary.heldOut).toEqual([0, 0]);
    expect(summary.arms.map(({ uncalled }) => uncalled)).toEqual([3, 0]);
    expect(summary.arms[1]!.confusion).toEqual([
      [3, 0],
      [0, 3],
    ]);
    expect(verdicts(summary)).toEqual([
      'better against baseline: Disgust precision +1.000 [+0.172, +1.828], p = 0.035 (corrected 0.070): undecided; ' +
        'mean AUC 0.000 [−0.414, +0.414], p = 1.00 (corrected 1.00): undecided.',
      'Some fits give no image of their fold Disgust (baseline 3 of 3): its precision and F1 count as 0 there, so that ' +
        'differences in them may be of how often Disgust is called. Precision of all calls together: baseline none, ' +
        'better 1.000.',
    ]);
  });

  test('is on the figures that are named, and corrected for their number', () => {
    const judged = (...names: VerdictName[]) =>
      verdicts(summarize(arms, [['better', 'baseline']], 'Disgust', names)).slice(0, -1);
    expect(judged('recall')).toEqual([expect.stringMatching(/^better against baseline: Disgust recall [^(]+: \w+\.$/)]);
    expect(judged('f1', 'mean-f1', 'accuracy')).toEqual([
      expect.stringMatching(/: Disgust F1 .*\(corrected .*; mean F1 .*\(corrected .*; accuracy .*\(corrected /),
    ]);
  });

  test.each([
    [{ mean: 0.04, low: 0.01, high: 0.07, p: 0.01, pHolm: 0.02 }, 'higher'],
    [{ mean: -0.04, low: -0.07, high: -0.01, p: 0.01, pHolm: 0.02 }, 'lower'],
    [{ mean: 0.04, low: 0.01, high: 0.07, p: 0.01, pHolm: 0.06 }, 'undecided'],
    [{ mean: 0.001, low: -0.003, high: 0.005, p: 0.6, pHolm: 1 }, 'unchanged'],
    [{ mean: 0.001, low: -0.03, high: 0.032, p: 0.9, pHolm: 1 }, 'undecided'],
  ] as const)('%j is %s', (figure, finding) => {
    const [compared] = summarize(arms, [['better', 'baseline']], 'Disgust').comparisons;
    expect(findingOf({ ...compared!, ...figure })).toBe(finding);
  });

  test('writes signs as people do', () => {
    expect([0.0414, -0.0414, 0.0001, -0.0001].map(signed)).toEqual(['+0.041', '−0.041', '0.000', '0.000']);
  });
});

test('faces that have changed have another digest', () => {
  const other = { ...faces, labels: faces.labels.slice() };
  expect(digestOfFaces(other)).toBe(digestOfFaces(faces));
  other.labels[0] = 1;
  expect(digestOfFaces(other)).not.toBe(digestOfFaces(faces));
});

test.each([
  [{ onnx: 'a.onnx', faces: 'b' }, 'no folder where a generator (--onnx) makes the faces for faces (--faces)'],
  [{ strict: true }, 'false without --onnx, whose file says how to train for strict (--strict)'],
  [{ size: 18 }, 'a multiple of 4 between 16 and 512 for size (--size) but received 18'],
  [{ folds: 1 }, 'an integer between 2 and 100 for folds (--folds) but received 1'],
  [
    { verdictOn: ['roc'] },
    'one or more of precision, recall, f1, auc, mean-precision, mean-recall, mean-f1, mean-auc, accuracy, each once for',
  ],
  [{ verdictOn: ['auc', 'auc'] }, "each once for verdictOn (--verdict-on) but received [ 'auc', 'auc' ]"],
  [{ arms: [] }, 'names of arms, joined by commas for arms (--arms)'],
  [{ faces: 'b', n: 5 }, '--n changes nothing without --onnx'],
  [
    { arms: ['baseline'], onnx: 'a.onnx', class: 'Disgust' },
    '--onnx changes nothing where no arm of --arms has generated faces',
  ],
])('the options %j are refused', (settings, message) => {
  expect(() => resolveEvaluate(settings)).toThrow(message);
});
