import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openWriter } from '../../ts/augment/writers.js';

test('a batch that fails is done with: no image is written after the error', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'rareface-writers-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const images = Array.from({ length: 64 }, () => new Uint8Array(64 * 64));
  const writer = await openWriter(folder, { className: 'Sad', shape: { size: 64, channels: 1 }, n: images.length });
  // In the way of the first image.
  await mkdir(join(folder, 'Sad', '00001.png'));
  await expect(writer.write(images)).rejects.toThrow(/^Cannot write \/.*\/Sad\/00001\.png: EISDIR/);
  expect(await readdir(join(folder, 'Sad'))).toHaveLength(images.length);
});
