import { mkdirSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { augment } from '../../ts/augment/augment.js';
import { qualityCommand } from '../../ts/cli/quality-command.js';
import { facesOfClass, type FaceSet } from '../../ts/data/faces.js';
import { syntheticFaces } from '../../ts/data/synthetic.js';
import { resolveQuality } from '../../ts/quality/options.js';
import { measureQuality, type QualityResult } from '../../ts/quality/quality.js';
import { tinyGenerator } from '../helpers/generators.js';
import { printed } from '../helpers/printed.js';

const size = 16;
let folder: string;
let made: string;
let data: string;
let real: FaceSet;

/** Writes some faces as a folder of PNG files. */
async function writeFolder(root: string, indices: Int32Array): Promise<void> {
  for (const i of indices) {
    const pixels = real.pixels.subarray(i * size * size, (i + 1) * size * size);
    const file = join(root, real.classNames[real.labels[i]!]!, `${i}.png`);
    await mkdir(dirname(file), { recursive: true });
    await sharp(pixels, { raw: { width: size, height: size, channels: 1 } }).toFile(file);
  }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quality-'));
  real = await syntheticFaces({ count: 280, size, channels: 1, seed: 1 });
  data = join(folder, 'real');
  await writeFolder(data, facesOfClass(real, 'Disgust'));
  await writeFolder(data, facesOfClass(real, 'Neutral'));
  const onnx = join(folder, 'gen.onnx');
  await writeFile(onnx, await tinyGenerator({ size, data }));
  made = join(folder, 'made');
  await augment({
    onnx,
    n: 30,
    data,
    source: 'Neutral',
    className: 'Disgust',
    out: made,
    engine: 'native',
  });
});
afterAll(() => rm(folder, { recursive: true }));

const measure = (settings: Record<string, unknown>): Promise<QualityResult> =>
  measureQuality(resolveQuality({ real: data, generated: made, size, neighbours: 3, ...settings }));

test('measures generated faces beside real ones and their sources', async () => {
  const out = join(folder, 'quality.json');
  const training = { epochs: 1, baseWidth: 2, batchSize: 16 };
  const { classes, embedding } = await measure({ ...training, out });
  expect(embedding).toBe('relu5_4 of faces-vgg19-w50.safetensors');
  const [disgust] = classes;
  expect(disgust).toMatchObject({ className: 'Disgust', made: 30, real: 40, vectors: 20, reference: 20 });
  const { sets, identity, copies, expression } = disgust!;
  // A generator that was never trained makes what no face looks like.
  expect(sets.made.frechet).toBeGreaterThan(sets.sources!.frechet);
  expect(sets.made.kernel.value).toBeGreaterThan(sets.real.kernel.value);
  expect(Math.abs(identity!.kept)).toBeLessThan(0.99);
  expect(copies.pixels.median).toBeGreaterThan(0);
  const { made: judged, sources, real, trainedOnReal, trainedOnMade } = expression!;
  for (const { probability, called } of [judged, sources!, real])
    expect(0 <= probability && probability <= 1 && 0 <= called && called <= 1).toBe(true);
  for (const { precision, recall } of [trainedOnReal, trainedOnMade])
    expect(0 <= precision && precision <= 1 && 0 <= recall && recall <= 1).toBe(true);
  const written = JSON.parse(await readFile(out, 'utf8')) as QualityResult;
  expect(written.classes[0]!.sets.made.frechet).toBe(sets.made.frechet);
});

test('finds copies of real faces, in any folder, and says what it does not know', async () => {
  const copies = join(folder, 'copies');
  await writeFolder(copies, facesOfClass(real, 'Disgust').subarray(0, 12));
  const { classes } = await measure({ generated: copies, classifiers: false });
  expect(classes[0]!.copies.pixels).toMatchObject({ nearCopies: 1, median: 0, ofSource: undefined });
  expect(classes[0]!.sets.made.precision).toBeGreaterThan(0.5);
  expect(classes[0]!.identity).toBeUndefined();
  const args = ['--generated', copies, '--real', data, '--size', '16', '--neighbours', '3', '--no-classifiers'];
  expect(await printed(() => qualityCommand(args))).toMatch(
    /Disgust: 12 generated, 40 real; 12 of each beside 20 real ones:\n +generated +real\nFrechet distance /,
  );
});

test('refuses faces that cannot be compared', async () => {
  await expect(measure({ class: 'Neutral' })).rejects.toThrow(/has no Neutral faces\. It has Disgust\./);
  await expect(measure({ neighbours: 40 })).rejects.toThrow(
    'There are 40 real and 30 generated Disgust faces, expected at least 82 and 41 (--neighbours 40).',
  );
  await mkdir(join(folder, 'odd', 'joy'), { recursive: true });
  const image = { create: { width: 16, height: 16, channels: 3, background: 'red' } } as const;
  await sharp(image).toFile(join(folder, 'odd', 'joy', 'a.png'));
  await expect(measure({ generated: join(folder, 'odd') })).rejects.toThrow(
    /faces of the class joy, which the real ones lack/,
  );
});

test('writes over an earlier file of figures, over another when told to, and shows figures that it cannot write', async () => {
  const out = join(folder, 'figures.json');
  const args = ['--generated', made, '--real', data, '--size', '16', '--neighbours', '3', '--no-classifiers'];
  const measured = (...more: string[]) => printed(() => qualityCommand([...args, '--out', out, ...more]));
  await measured();
  await measured();
  await writeFile(out, '{"pages": 300}');
  await expect(measured()).rejects.toThrow(`The file ${out} is there already: name another with --out, or replace`);
  expect(await readFile(out, 'utf8')).toBe('{"pages": 300}');
  expect(() => resolveQuality({ generated: made, real: data, out: folder })).toThrow(
    'a file name that ends in .json for out (--out)',
  );

  let shown = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    shown += String(text);
    // In the way of the file.
    rmSync(out);
    mkdirSync(out);
    return true;
  });
  try {
    await expect(qualityCommand([...args, '--out', out, '--force'])).rejects.toThrow(/^Cannot write .*figures\.json: /);
  } finally {
    write.mockRestore();
  }
  expect(shown).toContain('Disgust: 30 generated, 40 real');
  await expect(measured()).rejects.toThrow(`Cannot write ${out}: it is a folder.`);
});
