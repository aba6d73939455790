import sharp from 'sharp';
import { expect, test } from 'vitest';
import { imageGrid, toBytes } from '../../ts/report/image-grid.js';
import { barChartSvg } from '../../ts/report/bar-chart.js';
import { intervalChartSvg } from '../../ts/report/interval-chart.js';
import { linePlotsPng, linePlotsSvg } from '../../ts/report/plots.js';

const flat = (value: number, size = 4, channels = 1) => new Uint8Array(size * size * channels).fill(value);

async function pixels(png: Uint8Array) {
  const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
  return { ...info, at: (x: number, y: number) => data[(y * info.width + x) * info.channels]! };
}

test('lays images out row by row, scaled, on white', async () => {
  const sheet = await pixels(
    await imageGrid([flat(10), flat(20), flat(30)], { size: 4, channels: 1, columns: 2, scale: 2, gap: 2 }),
  );
  expect([sheet.width, sheet.height]).toEqual([2 + 8 + 2 + 8 + 2, 2 + 8 + 2 + 8 + 2]);
  expect(sheet.at(2, 2)).toBe(10);
  expect(sheet.at(9, 9)).toBe(10);
  expect(sheet.at(12, 2)).toBe(20);
  expect(sheet.at(2, 12)).toBe(30);
  expect(sheet.at(12, 12)).toBe(255);
  expect(sheet.at(0, 0)).toBe(255);
});

test('keeps colour and leaves images untouched beside labels', async () => {
  const red = new Uint8Array(4 * 4 * 3);
  for (let i = 0; i < red.length; i += 3) red[i] = 200;
  const png = await imageGrid([red, red], {
    size: 4,
    channels: 3,
    columns: 1,
    title: 'A <title> & "more"',
    rowLabels: ['neutral', 'disgust'],
    columnLabels: ['x'],
    breaks: [1],
  });
  const { data, info } = await sharp(png).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  let reds = 0;
  for (let i = 0; i < data.length; i += info.channels)
    if (data[i] === 200 && data[i + 1] === 0 && data[i + 2] === 0) reds++;
  expect(reds).toBe(32);
});

test('refuses images of another size', async () => {
  await expect(imageGrid([flat(1, 5)], { size: 4, channels: 1, columns: 1 })).rejects.toThrow('Image 0 has 25 bytes');
  await expect(imageGrid([], { size: 4, channels: 1, columns: 1 })).rejects.toThrow(RangeError);
});

test('turns -1..1 into bytes and back exactly', () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  expect(toBytes(Float32Array.from(bytes, (b) => b / 127.5 - 1))).toEqual(bytes);
  expect(Array.from(toBytes(Float32Array.of(-2, 2, Number.NaN)))).toEqual([0, 255, 0]);
});

test('draws every line, axis name and legend entry', async () => {
  const plot = {
    title: 'Losses',
    xName: 'step',
    yName: 'loss',
    lines: [
      {
        name: 'generator',
        points: [
          [0, 1],
          [1, 0.5],
          [2, Number.NaN],
          [3, 0.1],
        ] as const,
      },
      {
        name: 'discriminator',
        points: [
          [0, 0.2],
          [3, 0.3],
        ] as const,
      },
    ],
  };
  const svg = linePlotsSvg([plot, { ...plot, title: 'Again', logY: true }]);
  for (const text of ['Losses', 'Again', 'step', 'loss', 'generator', 'discriminator', '#0072B2', '#D55E00'])
    expect(svg).toContain(text);
  const { width, height } = await sharp(await linePlotsPng([plot])).metadata();
  expect(width).toBeGreaterThan(1000);
  expect(height).toBeGreaterThan(400);
});

test('bar charts name every group and bar and show its value', () => {
  const svg = barChartSvg({
    title: 'Milliseconds',
    groups: [
      {
        name: 'step',
        bars: [
          { name: 'native', value: 4.26 },
          { name: 'cpu', value: 320 },
        ],
      },
      { name: 'forward', bars: [{ name: 'native', value: 1.5 }] },
    ],
  });
  for (const text of ['Milliseconds', 'step', 'forward', 'native', 'cpu', '4.26', '320', '1.50', '#D55E00'])
    expect(svg).toContain(text);
});

test.each(['__proto__', 'constructor', 'toString'])('charts take %s for a name', (name) => {
  const before = Object.getOwnPropertyNames(Object.prototype);
  const values = [{ name, value: 0.5, low: 0.4, high: 0.6 }];
  const intervals = intervalChartSvg({ title: name, xName: 'recall', groups: [{ name, values }] });
  const points = [[0, 1] as const, [1, 2] as const];
  const lines = linePlotsSvg([{ title: name, xName: 'step', yName: 'loss', lines: [{ name, points }] }]);
  expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before);
  for (const svg of [intervals, lines]) {
    expect(svg).toContain(`>${name}`);
    expect(svg).not.toMatch(/\[object|NaN|undefined/);
  }
});
