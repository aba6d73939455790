import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeLossPlot } from '../../ts/train/loss-plot.js';
import { lossNames } from '../../ts/train/losses.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rareface-plot-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function plot(rows: number): Promise<string> {
  const metrics = join(folder, `${rows}.jsonl`);
  const line = (i: number) => ({
    step: (i + 1) * 20,
    epoch: 1,
    learningRate: 1e-4,
    seconds: i,
    ...Object.fromEntries(lossNames.map((name, j) => [name, name === 'features' ? 0 : 1 / (i + j + 1)])),
  });
  await writeFile(metrics, Array.from({ length: rows }, (_, i) => `${JSON.stringify(line(i))}\n`).join(''));
  const file = join(folder, `${rows}.png`);
  await writeLossPlot(file, metrics, 'Neutral', 'Disgust');
  return file;
}

test.each([1, 3, 20_000])('plots %i lines of metrics', async (rows) => {
  const { format, width, height } = await sharp(await readFile(await plot(rows))).metadata();
  expect([format, width > 800, height > 600]).toEqual(['png', true, true]);
});

test('a run without metrics has no plot', async () => {
  const file = await plot(0);
  await expect(stat(file)).rejects.toThrow('ENOENT');
});
