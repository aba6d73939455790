import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Philox } from '../../ts/base/random.js';
import { filterCommand } from '../../ts/cli/filter-command.js';
import { ferClasses } from '../../ts/data/classes.js';
import { loadFaces } from '../../ts/data/faces.js';
import { filterFaces } from '../../ts/filter/filter.js';
import { keepByScore, readQuotas } from '../../ts/filter/keep-rule.js';
import { resolveFilter } from '../../ts/filter/options.js';
import { printed } from '../helpers/printed.js';
import { writeTinyFaces } from '../helpers/tiny-run.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'filter-'));
});
afterAll(() => rm(folder, { recursive: true }));

let runs = 0;
const run = async (settings: Record<string, unknown>) =>
  filterFaces(resolveFilter({ out: join(folder, `out${runs++}`), ...settings }));

async function written(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, `${runs++}-${name}`);
  await writeFile(path, content);
  return path;
}

/** Rows of Disgust and Happy, in turn, with a column of their own, and what a classifier says of them. */
const rows = 20;
const label = (i: number) => (i % 2 === 0 ? 1 : 3);
const line = (i: number) =>
  `${i % 3 === 0 ? 'PublicTest' : 'Training'},${label(i)},"${Array.from({ length: 2304 }, (_, at) => (at * (i + 3)) % 256).join(' ')}",note ${i}`;
const lines = ['Usage,emotion,pixels,note', ...Array.from({ length: rows }, (_, i) => line(i))];
const votesHeader = 'Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF';
const votes = [
  votesHeader,
  ...Array.from({ length: rows }, (_, i) => {
    const own = i % 5;
    const counts = Array<number>(10).fill(0);
    counts[label(i) === 1 ? 5 : 1] = own;
    counts[9] = 4 - own;
    return `${i % 3 === 0 ? 'PublicTest' : 'Training'},fer${i}.png,${counts.join(',')}`;
  }),
];
/** Own probability i / 20. */
const probabilities = [
  ['class', ...ferClasses.map((name) => `p_${name}`)].join(','),
  ...Array.from({ length: rows }, (_, i) =>
    [ferClasses[label(i)], ...ferClasses.map((_, k) => (k === label(i) ? i / 20 : k === 0 ? 1 - i / 20 : 0))].join(','),
  ),
];

describe('a csv', () => {
  let csv: string;
  let probs: string;
  beforeAll(async () => {
    csv = await written('fer.csv.gz', gzipSync(`${lines.join('\n')}\n`));
    probs = await written('probs.csv', probabilities.join('\n'));
  });

  test('keeps its rows byte for byte, and the votes that belong to them', async () => {
    const ferplus = await written('votes.csv', votes.join('\r\n'));
    const settings = { data: csv, ferplus, probabilities: probs, confidenceMin: 0.3, agreementMin: 0.5 };
    const { out, classes, written: files, scores } = await run(settings);
    const kept = Array.from({ length: rows }, (_, i) => i).filter((i) => i >= 6 && i % 5 >= 2);
    const left = gunzipSync(await readFile(join(out, 'faces.csv.gz'))).toString();
    expect(left).toBe(`${[lines[0], ...kept.map((i) => lines[i + 1])].join('\n')}\n`);
    const leftVotes = (await readFile(join(out, 'ferplus.csv'), 'utf8')).trim().split('\n');
    expect(leftVotes).toEqual([votesHeader, ...kept.map((i) => votes[i + 1])]);
    expect(classes.find(({ className }) => className === 'Disgust')).toEqual({
      ...{ className: 'Disgust', before: 10, kept: kept.filter((i) => i % 2 === 0).length },
      droppedBy: { confidence: 3, agreement: 4 },
    });
    expect(scores.confidence).toMatchObject({
      lowest: expect.closeTo(0) as number,
      median: expect.closeTo(0.5) as number,
    });

    const again = await loadFaces({
      ...{ data: join(out, files!.data), ferplus: join(out, files!.ferplus!), size: 48, channels: 1 },
    });
    expect([...again.labels]).toEqual(kept.map(label));
    const table = parse<Record<string, string>>(await readFile(join(out, 'scores.csv')), { columns: true });
    expect(table[1]).toMatchObject({
      class: 'Happy',
      kept: '0',
      dropped_by: 'confidence agreement',
      agreement: '0.25',
    });
    expect(table.filter((row) => row['kept'] === '1').length).toBe(kept.length);
    const { width, height } = await sharp(join(out, 'contact-sheet.png')).metadata();
    expect(width * height).toBeGreaterThan(0);

    // Its own scores serve as probabilities.
    const later = await run({ data: csv, probabilities: join(out, 'scores.csv'), confidenceMin: 0.3, preview: true });
    expect(later.classes.map(({ kept }) => kept)).toEqual([0, 7, 0, 7, 0, 0, 0]);
    expect((await readdir(later.out)).sort()).toEqual(['contact-sheet.png', 'scores.csv', 'summary.json']);
  });

  test('keeps quotas of each class, the surest', async () => {
    const { classes, out } = await run({ data: csv, probabilities: probs, confidenceKeep: ['disgust=2', '0.5'] });
    expect(classes.map(({ kept }) => kept)).toEqual([0, 2, 0, 5, 0, 0, 0]);
    const left = gunzipSync(await readFile(join(out, 'faces.csv.gz'))).toString();
    expect([...left.matchAll(/note (\d+)/g)].map(([, i]) => Number(i))).toEqual([11, 13, 15, 16, 17, 18, 19]);
  });

  test('drops what any, most or all filters would keep no more', async () => {
    const ferplus = await written('votes.csv', votes.join('\n'));
    const settings = {
      data: csv,
      ferplus,
      probabilities: probs,
      confidenceMin: 0.5,
      agreementMin: 0.75,
      preview: true,
    };
    const keptBy = async (combine: string) => {
      const { classes } = await run({ ...settings, combine });
      return classes.reduce((sum, { kept }) => sum + kept, 0);
    };
    expect([await keptBy('all'), await keptBy('most'), await keptBy('any')]).toEqual([4, 4, 14]);
  });

  test('is told of as a command, by class and filter', async () => {
    const out = join(folder, `out${runs++}`);
    const args = [
      '--data',
      csv,
      '--probabilities',
      probs,
      '--confidence-min',
      '0.3',
      '--label-noise',
      'both',
      '--out',
      out,
    ];
    const text = await printed(() => filterCommand(args));
    expect(text).toMatch(/^class +before +kept +dropped +by confidence +by label-noise\n/);
    expect(text).toMatch(/\nDisgust +10 +7 +3 +3 +\d\n/);
    expect(text).toMatch(/\nall +20 +14 +6 +6 +\d\n/);
    expect(text).toMatch(/\nconfidence: lowest 0, .* median 0\.5, highest 0\.95\n/);
    expect(text).toMatch(/\nlabel noise, as far as the classifier can tell: [\d.]+ % of the labels/);
    expect(text).toContain(`\nNext: npm run train:native -- --data ${out}/faces.csv.gz\n`);
  });

  test('is refused with what does not fit it, before anything is written', async () => {
    const refusals: [Record<string, unknown>, RegExp][] = [
      [{}, /^No filter is asked for/],
      [{ likelihoodKeep: ['0.9'] }, /--probabilities changes nothing without --confidence-min/],
      [{ confidenceMin: 0.1, epochs: 3 }, /--epochs changes nothing with --probabilities/],
      [{ likelihoodKeep: ['0.9'], probabilities: null, folds: 3 }, /--folds changes nothing without --confidence-min/],
      [{ confidenceMin: 0.1, embeddingSize: 64 }, /--embedding-size changes nothing without --likelihood-min/],
      [{ agreementMin: 0.5 }, /want FER\+ votes: name them with --ferplus/],
      [{ confidenceKeep: ['Joy=3'] }, /There is no class 'Joy'\. Classes: Angry/],
      [{ confidenceKeep: ['Happy=lots'] }, /for --confidence-keep but received 'Happy=lots'/],
      [{ confidenceKeep: ['0.5', '0.6'] }, /received '0\.6' again/],
      [{ confidenceMin: 0.96 }, /leave none of 10 Disgust faces \(confidence keeps 0\): loosen them/],
      [
        { agreementMin: 0.5, probabilities: null, ferplus: await written('v.csv', votes.slice(0, -1).join('\n')) },
        /19 images, but .* has 20/,
      ],
      [
        { confidenceMin: 0.1, probabilities: await written('p.csv', probabilities.slice(0, 9).join('\n')) },
        /of 8 faces, but the data has 20/,
      ],
      [
        { confidenceMin: 0.1, probabilities: await written('p.csv', 'class,p_Angry\nHappy,1') },
        /p\.csv line 1: it has no column p_Disgust/,
      ],
      [
        {
          confidenceMin: 0.1,
          probabilities: await written('p.csv', probabilities.with(3, probabilities[2]!).join('\n')),
        },
        /p\.csv line 4: it is of class Happy, but face 3 of the data is Disgust/,
      ],
    ];
    for (const [settings, message] of refusals) {
      const out = join(folder, 'refused');
      await expect(run({ data: csv, probabilities: probs, out, ...settings })).rejects.toThrow(message);
      await expect(readdir(out)).rejects.toThrow('ENOENT');
    }
  });
});

describe('an output folder', () => {
  const settings = { size: 16, agreementMin: 0.5 };
  test('that cannot be made is refused before the work', async () => {
    const data = await written('data.csv', lines.join('\n'));
    const ferplus = await written('ferplus.csv', votes.join('\n'));
    const started = vi.fn();
    const config = resolveFilter({ ...settings, data, ferplus, out: '/proc/rareface/out' });
    await expect(filterFaces(config, { onStart: started })).rejects.toThrow(/^Cannot make the folder \/proc/);
    expect(started).not.toHaveBeenCalled();
  });

  test('of an earlier run is replaced when told to, but for what others wrote', async () => {
    const data = await written('data.csv', lines.join('\n'));
    const ferplus = await written('ferplus.csv', votes.join('\n'));
    const { out } = await run({ ...settings, data, ferplus });
    await run({ ...settings, data, ferplus, out, force: true });
    await writeFile(join(out, 'thesis.tex'), 'years of work');
    await expect(run({ ...settings, data, ferplus, out, force: true })).rejects.toThrow(/it holds thesis\.tex\. Move/);
    expect(await readFile(join(out, 'thesis.tex'), 'utf8')).toBe('years of work');
    await rm(join(out, 'thesis.tex'));
    await writeFile(join(out, 'summary.json'), '{"pages": 300}');
    await expect(run({ ...settings, data, ferplus, out, force: true })).rejects.toThrow(/it is no earlier output/);
  });
});

test('of a folder, a list is left that can be read as data', async () => {
  const data = join(folder, 'faces');
  await writeTinyFaces(data);
  const { out, written: files } = await run({ data, size: 16, likelihoodKeep: ['Neutral=3', 'Disgust=2'] });
  const faces = await loadFaces({ data: join(out, files!.data), size: 16, channels: 1 });
  expect(faces.classNames).toEqual(['Disgust', 'Neutral']);
  expect([...faces.labels]).toEqual([0, 0, 1, 1, 1]);
  expect(faces.files![0]).toMatch(/faces\/Disgust\/\d\.png$/);
  await mkdir(join(folder, 'lists'));
  const bad = join(folder, 'lists', 'bad.csv');
  await writeFile(bad, 'file,class\na.png,Happy\n,Sad\n');
  await expect(loadFaces({ data: bad, size: 16, channels: 1 })).rejects.toThrow(/bad\.csv line 3: it names no file/);
});

test('finds the faces with a wrong label by classifiers that were not trained on them', async () => {
  const data = join(folder, 'planted');
  const random = new Philox(3);
  for (const [name, level] of [
    ['Bright', 170],
    ['Dark', 60],
  ] as const) {
    await mkdir(join(data, name), { recursive: true });
    for (let i = 0; i < 40; i++) {
      const wrong = i < 4;
      const mean = wrong ? 230 - level : level;
      const pixels = Uint8Array.from({ length: 256 }, () => mean + random.integer(50) - 25);
      const file = join(data, name, `${wrong ? 'wrong' : 'right'}${i}.png`);
      await sharp(pixels, { raw: { width: 16, height: 16, channels: 1 } }).toFile(file);
    }
  }
  const training = { folds: 4, epochs: 20, batchSize: 8, baseWidth: 4 };
  const { out, noise } = await run({ data, size: 16, labelNoise: 'both', ...training });
  const left = await readFile(join(out, 'faces.csv'), 'utf8');
  expect(left.match(/wrong/g) ?? []).toEqual([]);
  expect(left.match(/\/right/g)!.length).toBe(72);
  // But for an image or so, which the classifiers' draws decide.
  for (const [i, images] of noise!.joint.flat().entries())
    expect(Math.abs(images - [36, 4, 4, 36][i]!)).toBeLessThanOrEqual(1);
});

test("the write-up's sizes come out of FER2013's", () => {
  const { confidenceKeep } = resolveFilter({}, 'write-up');
  const sizes = [4953, 547, 5121, 8989, 6077, 4002, 6198];
  const quotas = readQuotas(confidenceKeep!, ferClasses, sizes, '--confidence-keep') as number[];
  expect(quotas.reduce((a, b) => a + b)).toBe(28_941);
  expect([quotas[1], quotas[3]]).toEqual([421, 7967]);
});

test('of equal scores the earlier face stays, and what has no score goes', () => {
  const scores = [0.5, NaN, 0.5, 0.9];
  expect(keepByScore(scores, [0, 0, 0, 0], { min: null, quotas: [2] })).toEqual([true, false, false, true]);
});
