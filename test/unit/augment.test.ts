import { createHash } from 'node:crypto';
import { lstat, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { augment, type AugmentOptions } from '../../ts/augment/augment.js';
import { toImages, toInput } from '../../ts/augment/pixels.js';
import { renderSource } from '../../ts/augment/sources.js';
import { useEngine } from '../../ts/backend/engine.js';
import { UserError } from '../../ts/base/errors.js';
import { loadFaces, type FaceSet } from '../../ts/data/faces.js';
import { classifier } from '../../ts/models/classifier.js';
import { plainClassifier } from '../../ts/models/conv-classifier.js';
import { initialParams } from '../../ts/models/network.js';
import { exportOnnx } from '../../ts/onnx/export.js';
import { decodeModel, encodeModel } from '../../ts/onnx/proto.js';
import { openGenerator } from '../../ts/onnx/session.js';
import { tinyGenerator } from '../helpers/generators.js';
import { writeTinyFaces } from '../helpers/tiny-run.js';

const size = 16;

/** Made once: faces, and generators. */
let root: string;
let data: string;
let onnx: string;
/** Where a test's own output goes; anything in it that is not expected is a leftover. */
let folder: string;
let out: string;

beforeAll(async () => {
  await useEngine('cpu');
  root = await mkdtemp(join(tmpdir(), 'rareface-augment-'));
  data = join(root, 'faces');
  await writeTinyFaces(data);
  onnx = await saved('gen.onnx', await tinyGenerator({ size, data }));
});
afterAll(() => rm(root, { recursive: true }));
beforeEach(async () => {
  folder = await mkdtemp(join(root, 'test-'));
  out = join(folder, 'out');
});
afterEach(() => rm(folder, { recursive: true }));

async function saved(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(root, name);
  await writeFile(path, bytes);
  return path;
}

const run = (options: Partial<AugmentOptions> = {}) =>
  augment({ onnx, n: 12, out, batchSize: 5, engine: 'onnxruntime', provider: 'cpu', threads: 1, ...options });

interface Row {
  file: string;
  source: string;
  source_sha256: string;
  class: string;
  seed: string;
  flip: string;
  shift_x: string;
  shift_y: string;
  sha256: string;
}
const readManifest = async (path = out): Promise<Row[]> =>
  parse(await readFile(join(path, 'manifest.csv')), { columns: true });

/** Every file of a folder, with a digest of its bytes. */
async function contentOf(path: string): Promise<Record<string, string>> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const digests = files.sort().map(async (file) => {
    const digest = createHash('sha256')
      .update(await readFile(file))
      .digest('hex');
    return [file.slice(path.length + 1), digest] as const;
  });
  return Object.fromEntries(await Promise.all(digests));
}

const imagesOf = ({ pixels, count }: FaceSet): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => pixels.slice(i * size * size, (i + 1) * size * size));

/** What the generator makes of the faces that a manifest names. */
async function expectedFaces(rows: readonly Row[]): Promise<Uint8Array[]> {
  const faces = await loadFaces({ data, size, channels: 1 });
  const sources = rows.map((row) => {
    const index = Array.from({ length: faces.count }, (_, i) => faces.source(i)).indexOf(row.source);
    const [shiftX, shiftY] = [Number(row.shift_x), Number(row.shift_y)];
    return renderSource(faces, { index, flip: row.flip === '1', shiftX, shiftY });
  });
  const session = await openGenerator(onnx, { engine: 'onnxruntime', provider: 'cpu', threads: 1 });
  const made = await session.run(toInput(sources, faces), sources.length, size);
  await session.close();
  return toImages(made, faces);
}

describe('augment', () => {
  test('writes the faces that its manifest tells of', async () => {
    const progress: number[] = [];
    const notes: string[] = [];
    const result = await run({
      onProgress: (faces) => progress.push(faces),
      onStart: (start) => notes.push(...start.notes),
    });
    expect(result).toMatchObject({ out, className: 'Disgust', count: 12, equal: 0 });
    expect(progress).toEqual([5, 10, 12]);
    expect(notes).toEqual([
      `Making 12 Disgust faces from the 5 Neutral faces of ${data}, on the CPU (onnxruntime).`,
      'The sources are 5 different ones, so 7 are taken again, mirrored or shifted.',
    ]);
    expect((await readdir(folder)).sort()).toEqual(['out']);
    expect((await readdir(out)).sort()).toEqual(['Disgust', 'contact-sheet.png', 'manifest.csv']);

    const rows = await readManifest();
    const columns = ['file', 'source', 'source_sha256', 'class', 'seed', 'flip', 'shift_x', 'shift_y', 'sha256'];
    expect(Object.keys(rows[0]!)).toEqual(columns);
    expect(rows.map(({ file }) => file)).toEqual(
      Array.from({ length: 12 }, (_, i) => `Disgust/${String(i + 1).padStart(5, '0')}.png`),
    );
    const content = await contentOf(out);
    for (const row of rows) {
      expect(row).toMatchObject({ class: 'Disgust', seed: '1', sha256: content[row.file] });
      expect(row.source).toContain(join(data, 'Neutral'));
      const pixels = await sharp(row.source).toColourspace('b-w').raw().toBuffer();
      expect(row.source_sha256).toBe(createHash('sha256').update(pixels).digest('hex'));
    }
    // The output is a data set of its own.
    const faces = await loadFaces({ data: out, size, channels: 1 });
    expect(faces.classNames).toEqual(['Disgust']);
    expect(imagesOf(faces)).toEqual(await expectedFaces(rows));
    expect(new Set(faces.groups).size).toBe(12);
  });

  test('gives the same files for the same seed, whatever the batches', async () => {
    await run({ n: 7 });
    await run({ n: 7, batchSize: 3, out: join(folder, 'again') });
    await run({ n: 7, seed: 2, out: join(folder, 'other') });
    const content = await contentOf(out);
    expect(await contentOf(join(folder, 'again'))).toEqual(content);
    expect((await contentOf(join(folder, 'other')))['manifest.csv']).not.toBe(content['manifest.csv']);
  });

  test('on either engine gives the same faces, but for rounding', async () => {
    await run({ n: 7 });
    await run({ n: 7, engine: 'native', out: join(folder, 'native') });
    const [expected, actual] = await Promise.all(
      [out, join(folder, 'native')].map((path) => loadFaces({ data: path, size, channels: 1 })),
    );
    expect(actual!.count).toBe(7);
    const far = actual!.pixels.filter((value, i) => Math.abs(value - expected!.pixels[i]!) > 1);
    expect(far).toHaveLength(0);
  });

  test('writes colour faces, of the class and from the faces that are named', async () => {
    const colour = await saved('colour.onnx', await tinyGenerator({ size, data, channels: 3 }));
    const { className } = await run({ onnx: colour, n: 3, source: 'disgust', className: 'angry' });
    expect(className).toBe('Angry');
    const rows = await readManifest();
    expect(rows.map((row) => row.class)).toEqual(['Angry', 'Angry', 'Angry']);
    for (const row of rows) expect(row.source).toContain(join(data, 'Disgust'));
    const { pixels } = await loadFaces({ data: out, size, channels: 3 });
    expect(pixels.some((value, i) => value !== pixels[i - (i % 3)])).toBe(true);
  });

  test('spells a class as the generator does where the data spell it otherwise', async () => {
    const lower = join(folder, 'lower');
    await writeTinyFaces(lower);
    await rename(join(lower, 'Disgust'), join(lower, 'disgust'));
    const { className } = await run({ data: lower, n: 2, className: 'DISGUST' });
    expect(className).toBe('Disgust');
  });

  test('writes rows of FER2013 that hold the same pixels as the files', async () => {
    const generator = await saved('fer.onnx', await tinyGenerator({ data, size: 48 }));
    await run({ onnx: generator, n: 8, format: 'csv' });
    await run({ onnx: generator, n: 8, out: join(folder, 'png') });
    expect((await readdir(out)).sort()).toEqual(['contact-sheet.png', 'faces.csv', 'manifest.csv']);
    // Rows of other splits than Training are no sources, unless all rows are asked for.
    const csv = join(folder, 'splits.csv');
    const rowsText = await readFile(join(out, 'faces.csv'), 'utf8');
    await writeFile(csv, rowsText.replaceAll(/^1,/gm, '6,').replace(/Training(?=\n6[^\n]*\n*$)/, 'PublicTest'));
    await expect(run({ onnx: generator, n: 1000, data: csv, out: join(folder, 'many') })).rejects.toThrow(
      'Cannot make 1000 faces from the 7 Neutral faces',
    );
    await expect(run({ onnx: generator, n: 1000, data: csv, usage: 'all', out: join(folder, 'many') })).rejects.toThrow(
      'Cannot make 1000 faces from the 8 Neutral faces',
    );
    const rows = await loadFaces({ data: join(out, 'faces.csv'), size: 48, channels: 1, usage: 'training' });
    const files = await loadFaces({ data: join(folder, 'png'), size: 48, channels: 1 });
    expect(rows.pixels).toEqual(files.pixels);
    expect(Array.from(rows.labels, (label) => rows.classNames[label])).toEqual(Array<string>(8).fill('Disgust'));
    const manifest = await readManifest();
    expect(manifest[0]!.file).toBe('faces.csv line 2');
    const pixels = rows.pixels.subarray(0, 48 * 48);
    expect(manifest[0]!.sha256).toBe(createHash('sha256').update(pixels).digest('hex'));
    await run({ onnx: generator, n: 2, format: 'csv', force: true });
    expect(await readManifest()).toHaveLength(2);
  });

  test('counts faces that equal earlier ones', async () => {
    // With the light of their sources, faces would differ.
    const model = decodeModel(await tinyGenerator({ size, data, keepLight: false }));
    for (const { name, rawData } of model.graph!.initializer) if (name.startsWith('decoder.2.filter')) rawData!.fill(0);
    const same = await saved('same.onnx', encodeModel(model));
    expect((await run({ onnx: same })).equal).toBe(11);
  });

  test('replaces an earlier output when told to', async () => {
    await run({ n: 6 });
    const earlier = await contentOf(out);
    await expect(run({ n: 2 })).rejects.toThrow(
      new UserError(`The output folder ${out} is not empty: name another with --out, or replace it with --force.`),
    );
    expect(await contentOf(out)).toEqual(earlier);
    await run({ n: 2, force: true });
    expect(Object.keys(await contentOf(out))).toHaveLength(4);
    expect(await readdir(folder)).toEqual(['out']);
    // A link stays one, and what it leads to is replaced.
    const link = join(folder, 'link');
    await symlink(out, link);
    await run({ n: 3, force: true, out: link });
    expect(Object.keys(await contentOf(out))).toHaveLength(5);
    expect((await lstat(link)).isSymbolicLink()).toBe(true);
    await rm(link);
    // What is read is not replaced, and what file managers leave is nobody's.
    const before = await contentOf(out);
    for (const data of [out, join(out, 'manifest.csv')])
      await expect(run({ n: 2, force: true, data, source: 'Disgust' })).rejects.toThrow(
        `The folder ${out} is not replaced: it holds ${data}, which is read. Name another with --out.`,
      );
    expect(await contentOf(out)).toEqual(before);
    await expect(run({ n: 2, out: '.' })).rejects.toThrow('The output folder . is the current folder');
    await writeFile(join(out, 'Disgust', '.DS_Store'), '');
    await run({ n: 2, force: true });
    // An empty folder needs no telling.
    await mkdir(join(folder, 'empty'));
    await run({ n: 2, out: join(folder, 'empty') });
  });

  test('goes on past bad files when told to', async () => {
    const harmed = join(folder, 'harmed');
    await writeTinyFaces(harmed);
    await writeFile(join(harmed, 'Neutral', '0.png'), 'no picture');
    await expect(run({ n: 2, data: harmed })).rejects.toThrow('0.png is no image that can be read');
    const skipped: string[] = [];
    await run({ n: 4, data: harmed, skipBad: true, onStart: (start) => skipped.push(...start.skipped) });
    expect(skipped).toHaveLength(1);
    expect(skipped[0]).toContain('0.png');
  });

  test('without the data of the run wants others named', { timeout: 120_000 }, async () => {
    const moved = join(root, 'moved.csv');
    const generator = await saved('moved.onnx', await tinyGenerator({ size, data: moved }));
    await expect(run({ onnx: generator, n: 2 })).rejects.toThrow(
      `${moved}, which ${generator} was trained on, is not here: name faces to translate with --data (--data synthetic: `,
    );
    await run({ onnx: generator, n: 2, data: 'synthetic' });
    expect((await readManifest())[0]!.source).toMatch(/^synthetic \d+$/);
  });
});

describe('leaves nothing behind', () => {
  /** One line, and no file more than before. */
  async function expectRefusal(options: Partial<AugmentOptions>, message: string | RegExp): Promise<void> {
    const before = await readdir(folder);
    const error: unknown = await run(options).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).not.toContain('\n');
    expect(await readdir(folder)).toEqual(before);
  }

  test.each([
    [{ n: 0 }, 'Expected an integer between 1 and 10000000 for n (--n) but received 0'],
    [{ n: -3 }, 'n (--n) but received -3'],
    [{ n: 2.5 }, 'n (--n) but received 2.5'],
    [{ n: 'many' as never }, "n (--n) but received 'many' of type string"],
    [{ n: 91 }, /^Cannot make 91 faces from the 5 Neutral faces of .*they give 90 different ones/],
    [{ batchSize: 0 }, 'batchSize (--batch-size)'],
    [{ seed: -1 }, 'seed (--seed)'],
    [{ threads: 0.5 }, 'threads (--threads)'],
    [{ format: 'gif' as never }, 'Expected one of png, csv for format (--format)'],
    [{ engine: 'tvm' as never }, 'engine (--engine)'],
    [{ provider: 'tpu' as never }, 'provider (--provider)'],
    [{ engine: 'native', provider: 'cuda' }, 'The native engine runs on the CPU'],
    [{ source: 'Bored' }, "There is no class 'Bored'. Classes: Disgust, Neutral."],
    [{ className: 'Bored' }, /^There is no class 'Bored'\. Classes: Disgust, Neutral, Angry/],
    [{ format: 'csv' }, 'Rows of FER2013 hold grey faces of 48 pixels a side, and the generator makes grey ones of 16'],
    [{ data: 'no/such/folder' }, 'Cannot read the data no/such/folder'],
    [{ onnx: 'no/such.onnx' }, 'Cannot read the ONNX file no/such.onnx'],
    [{ out: '/proc/rareface/out' }, 'Cannot make the folder /proc'],
  ] as [Partial<AugmentOptions>, string | RegExp][])('with %j', async (options, message) => {
    await expectRefusal(options, message);
  });

  test('with a folder in the way', async () => {
    await mkdir(out);
    await writeFile(join(out, 'thesis.tex'), 'years of work');
    await expectRefusal({}, /is not empty/);
    await expectRefusal({ force: true }, /is not replaced: it is no earlier output/);
    await expectRefusal({ out: join(out, 'thesis.tex') }, /Cannot use .*thesis\.tex as the output folder: ENOTDIR/);
    expect(await readFile(join(out, 'thesis.tex'), 'utf8')).toBe('years of work');
  });

  test('with an earlier output that holds more than what was written there', async () => {
    await run({ n: 2 });
    for (const name of ['thesis.tex', join('Disgust', '99999.png')]) {
      const file = join(out, name);
      await writeFile(file, 'years of work');
      await expectRefusal(
        { n: 2, force: true },
        `is not replaced: beside an earlier output it holds ${name}. Move that`,
      );
      expect(await readFile(file, 'utf8')).toBe('years of work');
      await rm(file);
    }
    // A manifest of another kind makes no output.
    await writeFile(join(out, 'manifest.csv'), 'file,licence\nDisgust/00001.png,free\n');
    await expectRefusal({ n: 2, force: true }, /it is no earlier output, for it holds no manifest\.csv of one/);
  });

  test('with a network of another kind, or a file cut short', async () => {
    const network = plainClassifier(classifier({ channels: 1, classes: 7, baseWidth: 2 }));
    const other = await exportOnnx(network, initialParams(network, 1), { channels: 1 });
    await expectRefusal({ onnx: await saved('other.onnx', other) }, /other\.onnx is not a generator of images/);
    await expectRefusal({ onnx: await saved('cut.onnx', other.subarray(0, 900)) }, /cut\.onnx is cut short/);
  });

  test('with a generator that makes no numbers', async () => {
    const model = decodeModel(await tinyGenerator({ size, data }));
    for (const { name, rawData } of model.graph!.initializer)
      if (name.startsWith('decoder.2.filter')) rawData!.fill(0xff);
    const broken = await saved('nan.onnx', encodeModel(model));
    await expectRefusal({ onnx: broken }, /nan\.onnx makes no images: it gives values that are no numbers\.$/);
  });

  test('with a generator that does not say what it makes', async () => {
    const model = decodeModel(await tinyGenerator({ size, data }));
    const silent = await saved('silent.onnx', encodeModel({ ...model, metadataProps: [] }));
    await expectRefusal(
      { onnx: silent, data },
      /silent\.onnx does not say which class it makes: name it with --class\.$/,
    );
    const climbing = await saved(
      'climbing.onnx',
      encodeModel({
        ...model,
        metadataProps: [
          { key: 'size', value: '16' },
          { key: 'to', value: '../up' },
        ],
      }),
    );
    await expectRefusal({ onnx: climbing, data }, /'\.\.\/up' cannot be the name of a folder/);
  });

  test('when it is stopped', async () => {
    const controller = new AbortController();
    const stopped = run({ signal: controller.signal, n: 60, onProgress: () => controller.abort() });
    await expect(stopped).rejects.toThrow('aborted');
    expect(await readdir(folder)).toEqual([]);
  });
});
