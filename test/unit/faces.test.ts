import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { UserError } from '../../ts/base/errors.js';
import { readFaces } from '../../ts/data/batch.js';
import { facesOfClass, labelOf, loadFaces, type LoadOptions } from '../../ts/data/faces.js';
import { sharedFile } from '../helpers/shared.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'faces-'));
});
afterAll(() => rm(folder, { recursive: true }));

const grey = { size: 48, channels: 1 } as const;

/** 2304 pixel values that differ from row to row. */
const image = (row: number) => Array.from({ length: 2304 }, (_, i) => (i * 7 + row * 31) % 256);
const pixels = (row: number) => image(row).join(' ');

let files = 0;
/** Writes a file into a folder of its own, so that names in messages are known. */
async function written(name: string, content: string | Uint8Array): Promise<string> {
  const own = join(folder, String(files++));
  await mkdir(own);
  await writeFile(join(own, name), content);
  return join(own, name);
}

/** A csv of FER2013 from its rows without the header. */
const csv = (...rows: string[]) => ['emotion,pixels,Usage', ...rows].join('\n') + '\n';
const good = [`6,${pixels(0)},Training`, `1,${pixels(1)},Training`, `1,${pixels(2)},PublicTest`];

const load = (data: string, more: Partial<LoadOptions> = {}) => loadFaces({ ...grey, data, ...more });

/** The one line that loading fails with. */
async function refusal(data: string, more: Partial<LoadOptions> = {}): Promise<string> {
  const error: unknown = await load(data, more).then(
    () => expect.fail('it loaded'),
    (e: unknown) => e,
  );
  if (!(error instanceof UserError)) throw error;
  expect(error.message).not.toContain('\n');
  return error.message.replaceAll(/\S*\/(\d+\/)?(?=[^/\s])/g, '');
}

describe('FER2013 as csv', () => {
  test('reads labels, pixels, usage and lines', async () => {
    const faces = await load(await written('fer.csv', csv(...good)));
    expect(faces).toMatchObject({ ...grey, count: 3, usage: ['training', 'training', 'public'], skipped: [] });
    expect([...faces.labels].map((label) => faces.classNames[label])).toEqual(['Neutral', 'Disgust', 'Disgust']);
    expect([...faces.pixels]).toEqual([0, 1, 2].flatMap(image));
    expect(faces.votes).toBeUndefined();
    expect(faces.source(2)).toBe('fer.csv line 4');
    expect([...facesOfClass(faces, 'disGUST')]).toEqual([1, 2]);
  });

  test.each([
    ['gzipped', gzipSync(csv(...good))],
    ['with carriage returns and empty lines', csv(...good).replaceAll('\n', '\r\n') + '\r\n\r\n'],
    ['without a last line feed', csv(...good).trimEnd()],
    ['with a byte order mark', '\ufeff' + csv(...good)],
    [
      'quoted',
      csv(
        ...good.map((row) =>
          row
            .split(',')
            .map((field) => `"${field}"`)
            .join(','),
        ),
      ),
    ],
    [
      'with commas and quotes in a column of no interest',
      ['note,emotion,pixels,Usage', ...good.map((row) => `"a, ""b"", c",${row}`)].join('\n'),
    ],
    [
      'in the order of icml_face_data.csv',
      ['emotion, Usage, pixels', ...good.map((row) => row.replace(/^(\d),(.*),(\w+)$/, '$1,$3,$2'))].join('\n'),
    ],
  ])('reads it %s', async (_, content) => {
    const faces = await load(await written('fer.csv', content));
    expect([...faces.labels]).toEqual([6, 1, 1]);
    expect(faces.usage).toEqual(['training', 'training', 'public']);
    expect([...faces.pixels]).toEqual([0, 1, 2].flatMap(image));
  });

  test('reads it without usage', async () => {
    const file = await written('fer.csv', `emotion,pixels\n0,${pixels(0)}\n0,${pixels(3)}\n`);
    const faces = await load(file, { usage: 'training' });
    expect(faces.count).toBe(2);
    expect(faces.usage).toBeUndefined();
  });

  test('keeps the training rows alone on demand', async () => {
    const faces = await load(await written('fer.csv', csv(good[2]!, good[0]!, good[1]!)), { usage: 'training' });
    expect([...faces.pixels]).toEqual([0, 1].flatMap(image));
    expect(faces.source(0)).toBe('fer.csv line 3');
  });

  test('resizes, and repeats grey to colour', async () => {
    const file = await written('fer.csv', csv(`0,${Array(2304).fill(90).join(' ')},Training`, good[0]!));
    const faces = await load(file, { size: 20, channels: 3 });
    expect(faces.pixels.length).toBe(2 * 20 * 20 * 3);
    expect([...faces.pixels.subarray(0, 1200)]).toEqual(Array(1200).fill(90));
    const second = faces.pixels.subarray(1200);
    for (let i = 0; i < second.length; i += 3)
      expect(second[i] === second[i + 1] && second[i] === second[i + 2]).toBe(true);
  });

  test('gives equal images one group, whatever their labels are', async () => {
    const rows = [good[0]!, good[1]!, `3,${pixels(0)},PublicTest`, good[2]!];
    expect([...(await load(await written('fer.csv', csv(...rows)))).groups]).toEqual([0, 1, 0, 2]);
  });

  test('reports progress', async () => {
    const seen: number[] = [];
    await load(await written('fer.csv', csv(...good)), { onProgress: (rows) => seen.push(rows) });
    expect(seen.at(-1)).toBe(3);
  });

  const short = `2,${image(4).slice(1).join(' ')},Training`;
  const bad: [what: string, row: string, message: string][] = [
    ['a pixel too few', short, 'it has 2303 pixels, expected 2304'],
    ['a pixel too many', `2,${pixels(4)} 9,Training`, 'it has 2305 pixels, expected 2304'],
    [
      'a value of 256',
      `2,256 ${image(4).slice(1).join(' ')},Training`,
      "pixel 1 is '256', expected an integer from 0 to 255",
    ],
    ['text among the pixels', short.replace('2,', '2,1 x7 '), "pixel 2 is 'x7', expected an integer from 0 to 255"],
    ['a fraction', short.replace('2,', '2,1.5 '), "pixel 1 is '1.5', expected an integer from 0 to 255"],
    [
      'no label',
      `,${pixels(4)},Training`,
      "its emotion is '', expected 0 to 6 (Angry, Disgust, Fear, Happy, Sad, Surprise, Neutral)",
    ],
    [
      'a label of 7',
      `7,${pixels(4)},Training`,
      "its emotion is '7', expected 0 to 6 (Angry, Disgust, Fear, Happy, Sad, Surprise, Neutral)",
    ],
    ['an unknown usage', `2,${pixels(4)},Test`, "its usage is 'Test', expected Training, PublicTest, PrivateTest"],
    ['a column too few', `2,${pixels(4)}`, 'it has 2 columns, expected 3'],
  ];
  test.each(bad)('refuses a row with %s, or skips it on demand', async (_, row, message) => {
    const file = await written('fer.csv', csv(good[0]!, row, good[1]!));
    expect(await refusal(file)).toBe(`fer.csv line 3: ${message}.`);
    const faces = await load(file, { skipBad: true });
    expect([...faces.pixels]).toEqual([0, 1].flatMap(image));
    expect(faces.source(1)).toBe('fer.csv line 4');
    expect(faces.skipped).toEqual([`${file} line 3: ${message}.`]);
  });

  test('refuses a file that is cut off, or keeps what is whole on demand', async () => {
    const whole = gzipSync(csv(...good, ...Array.from({ length: 40 }, (_, i) => `0,${pixels(i + 9)},Training`)));
    const file = await written('fer.csv.gz', whole.subarray(0, whole.length - 40));
    expect(await refusal(file)).toMatch(/^fer\.csv\.gz is cut off: its gzip stream ends within line \d+\.$/);
    const faces = await load(file, { skipBad: true });
    expect([...faces.pixels.subarray(0, 2304)]).toEqual(image(0));
    expect(faces.skipped).toHaveLength(1);
    // Its checksum, the first 4 of its last 8 bytes, is not that of what it holds.
    const harmed = await written('fer.csv.gz', Buffer.from(whole).fill(0, whole.length - 8, whole.length - 4));
    expect(await refusal(harmed)).toMatch(
      /^Cannot read fer\.csv\.gz: its gzip stream is damaged after line \d+ \(incorrect data check\)\.$/,
    );
    const rest = await load(harmed, { skipBad: true });
    expect([...rest.pixels.subarray(0, 2304)]).toEqual(image(0));
    expect(rest.skipped).toHaveLength(1);
    const plain = await written('fer.csv', csv(...good).slice(0, -2000));
    expect(await refusal(plain)).toMatch(/^fer\.csv line 4: it has 2 columns, expected 3\.$/);
  });

  test.each([
    ['nothing', '', 'fer.csv is empty, expected FER2013 as csv.'],
    ['a header alone', csv(), 'fer.csv holds no faces.'],
    [
      'another header',
      'label;image\n1;2\n',
      'fer.csv line 1: expected a header with the columns emotion and pixels (FER2013) or file and class ' +
        "(a list of images), but it reads 'label;image'.",
    ],
    ['a header with control characters', 'a\u001b[2J\n1\n', /but it reads 'a\\x1B\[2J'\.$/],
    ['a broken header', 'emotion,"pixels\n', /^fer\.csv line 1 is no csv header: /],
    ['something else', Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), /^Cannot read fer\.csv: /],
  ])('refuses a file that holds %s', async (_, content, message) => {
    const file = await written('fer.csv', content);
    const told = await refusal(file);
    if (typeof message === 'string') expect(told).toBe(message);
    else expect(told).toMatch(message);
  });

  test.each([
    ['UTF-16', Buffer.from('\ufeff' + csv(...good), 'utf16le'), /^fer\.csv is UTF-16, expected UTF-8: /],
    ['big-endian UTF-16', Buffer.from('\ufeff' + csv(...good), 'utf16le').swap16(), /is UTF-16, expected UTF-8: /],
    ['UTF-16 without a mark', Buffer.from(csv(...good), 'utf16le'), /is UTF-16, expected UTF-8: /],
    ['gzipped UTF-16', gzipSync(Buffer.from(csv(...good), 'utf16le')), /is UTF-16, expected UTF-8: /],
    ['carriage returns alone', csv(...good).replaceAll('\n', '\r'), /ends its lines with carriage returns alone, /],
  ])('says so where a file is of %s', async (_, content, message) => {
    expect(await refusal(await written('fer.csv', content))).toMatch(message);
  });

  test('refuses a file that is missing', async () => {
    expect(await refusal(join(folder, 'none.csv'))).toMatch(/^Cannot read the data none\.csv: ENOENT/);
  });

  test('says what was skipped where nothing is left', async () => {
    const file = await written('fer.csv', csv(short));
    expect(await refusal(file, { skipBad: true })).toMatch(/holds no faces that can be used\. Skipped: 1, the first: /);
  });
});

describe('FER+ votes', () => {
  const header = 'Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF';
  const votes = [
    'Training,fer0.png,4,0,0,1,3,2,0,0,0,0',
    'Training,,0,0,0,0,0,9,0,1,0,0',
    'PublicTest,f,1,2,3,4,0,0,0,0,0,0',
  ];
  const ferPlus = (rows: string[]) => written('ferplus.csv', [header, ...rows].join('\n') + '\n');

  test('come row for row', async () => {
    const data = await written('fer.csv', csv(...good));
    const faces = await load(data, { ferplus: await ferPlus(votes) });
    expect([...faces.votes!]).toEqual([
      4, 0, 0, 1, 3, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0,
    ]);
  });

  test('follow their images when rows are left out', async () => {
    const data = await written('fer.csv', csv('7,1,Training', good[1]!, good[2]!));
    const faces = await load(data, { ferplus: await ferPlus(votes), skipBad: true, usage: 'training' });
    expect([...faces.votes!]).toEqual([0, 0, 0, 0, 0, 9, 0, 1, 0, 0]);
    expect(faces.skipped).toHaveLength(1);
  });

  test('outlast a file that is cut off', async () => {
    const rows = Array.from({ length: 40 }, (_, i) => `0,${pixels(i)},Training`);
    const whole = gzipSync(csv(...rows));
    const data = await written('fer.csv.gz', whole.subarray(0, whole.length - 40));
    const ferplus = await ferPlus(rows.map((_, i) => `Training,,${i},0,0,0,0,0,0,0,0,0`));
    const faces = await load(data, { ferplus, skipBad: true });
    expect(faces.skipped.join()).toMatch(/is cut off/);
    expect([...faces.votes!].filter((_, i) => i % 10 === 0)).toEqual([...Array(faces.count).keys()]);
  });

  test('are refused where they do not fit', async () => {
    const data = await written('fer.csv', csv(...good));
    expect(await refusal(data, { ferplus: await ferPlus(votes.slice(1)) })).toMatch(
      /does not belong to|votes for 2 images/,
    );
    expect(await refusal(data, { ferplus: await ferPlus([...votes, votes[2]!]) })).toBe(
      'ferplus.csv has votes for 4 images, but fer.csv has 3: expected row for row the same.',
    );
    expect(await refusal(data, { ferplus: await ferPlus([votes[2]!, votes[1]!, votes[0]!]) })).toBe(
      'ferplus.csv does not belong to fer.csv: its line 2 is of PublicTest, but line 2 of the data of Training. ' +
        'Expected row for row the same.',
    );
    const late = await written('late.csv', csv('', good[0]!, good[2]!));
    expect(await refusal(late, { ferplus: await ferPlus(votes) })).toMatch(
      /^ferplus\.csv does not belong to late\.csv: its line 3 is of Training, but line 4 of the data of PublicTest\. /,
    );
    expect(await refusal(data, { ferplus: await written('v.csv', 'a,b\n1,2\n') })).toMatch(
      /^v\.csv line 1: expected a header with the columns neutral, happiness/,
    );
    expect(await refusal(data, { ferplus: await ferPlus([]) })).toBe('ferplus.csv holds no votes.');
    expect(await refusal(data, { ferplus: join(folder, 'none.csv') })).toMatch(/^Cannot read none\.csv: ENOENT/);
    expect(await refusal('synthetic', { ferplus: 'v.csv' })).toBe(
      'The FER+ votes v.csv want a csv of FER2013 as data, not synthetic.',
    );
  });

  test.each([
    ['text', 'Training,f,x,0,0,0,0,9,0,1,0,0', "the votes for neutral are 'x', expected an integer from 0"],
    ['too few columns', 'Training,f,0,0,0,0,0,9', "the votes for fear are '', expected an integer from 0"],
    [
      'a negative number',
      'Training,f,0,-1,0,0,0,9,0,1,0,0',
      "the votes for happiness are '-1', expected an integer from 0",
    ],
  ])('with %s are refused, or skipped on demand', async (_, row, message) => {
    const data = await written('fer.csv', csv(...good));
    const ferplus = await ferPlus([votes[0]!, row, votes[2]!]);
    expect(await refusal(data, { ferplus })).toBe(`ferplus.csv line 3: ${message}.`);
    const faces = await load(data, { ferplus, skipBad: true });
    expect([...faces.pixels]).toEqual([0, 2].flatMap(image));
    expect(faces.skipped).toEqual([`${ferplus} line 3: ${message}.`]);
  });
});

describe('a folder of class folders', () => {
  let root: string;
  const save = async (path: string, rgba: [number, number, number, number], width = 48, height = 48) => {
    const file = join(root, path);
    await mkdir(join(file, '..'), { recursive: true });
    const [r, g, b, a] = rgba;
    const made = sharp({ create: { width, height, channels: 4, background: { r, g, b, alpha: a } } });
    await made.toFile(file);
    return file;
  };
  const fresh = () => (root = join(folder, `images${files++}`));

  test('is read in order, with any format and size', async () => {
    fresh();
    await save('sad/b.png', [10, 10, 10, 1]);
    await save('sad/a.webp', [200, 200, 200, 1], 30, 50);
    await save('happy/z.png', [255, 0, 0, 1], 96, 60);
    await save('happy/y.png', [0, 0, 0, 0]);
    await writeFile(join(root, 'index.csv'), 'not an image');
    await writeFile(join(root, 'sad/.hidden'), 'not an image');
    await writeFile(join(root, 'sad/Thumbs.db'), 'not an image');
    const faces = await load(root);
    expect(faces.classNames).toEqual(['happy', 'sad']);
    expect([...faces.labels]).toEqual([0, 0, 1, 1]);
    expect(Array.from({ length: 4 }, (_, i) => faces.source(i).slice(root.length + 1))).toEqual([
      'happy/y.png',
      'happy/z.png',
      'sad/a.webp',
      'sad/b.png',
    ]);
    const middle = Array.from({ length: 4 }, (_, i) => faces.pixels[i * 2304 + 1152]!);
    expect(middle[0]).toBe(128);
    expect(middle[1]).toBe(76);
    expect(Math.abs(middle[2]! - 200)).toBeLessThanOrEqual(1);
    expect(middle[3]).toBe(10);
    expect([...(await load(root, { channels: 3 })).pixels.subarray(3 * 2304, 3 * 2304 + 3)]).toEqual([255, 0, 0]);
  });

  test('has its images cut to the centre square and turned as EXIF says', async () => {
    fresh();
    await mkdir(join(root, 'a'), { recursive: true });
    // Left third black, middle third grey, right third white.
    const wide = Uint8Array.from({ length: 48 * 144 }, (_, i) => [0, 100, 255][Math.floor((i % 144) / 48)]!);
    const picture = sharp(wide, { raw: { width: 144, height: 48, channels: 1 } });
    await picture.clone().png().toFile(join(root, 'a/1.png'));
    // Top half dark, stored on its side.
    const half = Uint8Array.from({ length: 48 * 48 }, (_, i) => (i % 48 < 24 ? 0 : 255));
    const turned = sharp(half, { raw: { width: 48, height: 48, channels: 1 } }).withMetadata({ orientation: 6 });
    await turned.png().toFile(join(root, 'a/2.png'));
    const { pixels: read } = await load(root);
    expect([...read.subarray(0, 2304)]).toEqual(Array(2304).fill(100));
    expect([...read.subarray(2304)]).toEqual(Array.from({ length: 2304 }, (_, i) => (i < 24 * 48 ? 0 : 255)));
  });

  test('is refused when an image does not decode, or the image is skipped on demand', async () => {
    fresh();
    await save('sad/a.png', [10, 10, 10, 1]);
    const whole = await sharp(Buffer.from(image(1)), { raw: { width: 48, height: 48, channels: 1 } })
      .png()
      .toBuffer();
    await writeFile(join(root, 'sad/b.png'), whole.subarray(0, 600));
    await writeFile(join(root, 'sad/c.txt'), 'text');
    expect(await refusal(root)).toMatch(/^b\.png is no image that can be read: /);
    const faces = await load(root, { skipBad: true });
    expect(faces.count).toBe(1);
    expect(faces.skipped.map((line) => line.slice(root.length + 1, root.length + 10))).toEqual([
      'sad/b.png',
      'sad/c.txt',
    ]);
  });

  test('is refused when a link leads nowhere, or the link is skipped on demand', async () => {
    fresh();
    await save('sad/a.png', [10, 10, 10, 1]);
    await symlink('/nowhere.png', join(root, 'sad/b.png'));
    expect(await refusal(root)).toBe('b.png is a link that leads nowhere.');
    const faces = await load(root, { skipBad: true });
    expect(faces.count).toBe(1);
    expect(faces.skipped).toHaveLength(1);
  });

  test('is refused when a pipe lies in it, or the pipe is skipped on demand', async () => {
    fresh();
    await save('sad/a.png', [10, 10, 10, 1]);
    execFileSync('mkfifo', [join(root, 'sad/b.png')]);
    expect(await refusal(root)).toBe('b.png is no regular file.');
    expect((await load(root, { skipBad: true })).skipped).toEqual([`${root}/sad/b.png is no regular file.`]);
  });

  test('is refused when images lie above or below the class folders, or these are skipped on demand', async () => {
    fresh();
    await save('sad/a.png', [10, 10, 10, 1]);
    await save('sad/.hidden/a.png', [10, 10, 10, 1]);
    await save('__MACOSX/a.png', [10, 10, 10, 1]);
    await save('contact-sheet.png', [10, 10, 10, 1]);
    expect((await load(root)).count).toBe(1);
    await save('sad/more/b.png', [10, 10, 10, 1]);
    expect(await refusal(root)).toBe('The folder more lies in that of a class: move its images up into sad.');
    await save('c.JPG', [10, 10, 10, 1]);
    expect(await refusal(root)).toBe('c.JPG lies in the folder of no class: move it into one.');
    const faces = await load(root, { skipBad: true });
    expect(faces.count).toBe(1);
    expect(faces.skipped).toEqual([
      `${root}/c.JPG lies in the folder of no class: move it into one.`,
      `The folder ${root}/sad/more lies in that of a class: move its images up into ${root}/sad.`,
    ]);
  });

  test('is refused when its folders hold those of the classes, and the one to name is told', async () => {
    fresh();
    await save('test/happy/a.png', [10, 10, 10, 1]);
    await save('train/happy/a.png', [10, 10, 10, 1]);
    const told = (parent: string) =>
      'The folder test holds folders, expected the images of a class. If these are the classes, name the folder ' +
      `that they lie in: --data ${parent}`;
    expect(await refusal(root)).toBe(told('train'));
    await rm(join(root, 'train'), { recursive: true });
    expect(await refusal(root)).toBe(told('test'));
  });

  test('is refused when a class has a line break in its name', async () => {
    fresh();
    await save('sad\nness/a.png', [10, 10, 10, 1]);
    expect(await refusal(root, { skipBad: true })).toMatch(
      /^images\d+: the class 'sad\\nness' has control characters in its name\. Rename it\.$/,
    );
  });

  test('is refused when it or a class is empty', async () => {
    fresh();
    await mkdir(root);
    expect(await refusal(root)).toMatch(/^images\d+ holds no folders, expected one folder of images for each class\.$/);
    await mkdir(join(root, 'sad'));
    expect(await refusal(root)).toBe('The folder sad holds no images.');
    expect(await refusal(root, { skipBad: true })).toMatch(/holds no faces that can be used\. Skipped: 1/);
    await save('happy/a.png', [10, 10, 10, 1]);
    expect((await load(root, { skipBad: true })).classNames).toEqual(['happy']);
  });
});

describe('a list of images', () => {
  const listed = async (...rows: string[]) => {
    const list = await written('list.csv', ['file,class', ...rows].join('\n'));
    await writeFile(join(list, '../a.png'), await png(10));
    return list;
  };
  const png = (grey: number) =>
    sharp({ create: { width: 48, height: 48, channels: 3, background: { r: grey, g: grey, b: grey } } })
      .png()
      .toBuffer();

  test.each([
    ['"file","class"', '"a.png","sad"'],
    [' Class , FILE ', 'sad,a.png'],
    ['\ufeff"class","a, ""b""","file"', 'sad,,a.png'],
  ])('is told by its header %s', async (header, row) => {
    const list = await written('list.csv', `${header}\n${row}`);
    await writeFile(join(list, '../a.png'), await png(10));
    expect((await load(list)).classNames).toEqual(['sad']);
  });

  test('is no manifest of rows', async () => {
    expect(await refusal(await listed('faces.csv line 2,sad'))).toBe(
      'list.csv tells of the rows of faces.csv, expected a list of image files. Name the rows themselves: --data faces.csv',
    );
  });

  test.each([
    ['that is missing', 'none.png', 'does not exist.'],
    ['that is a link to nowhere', 'link.png', 'is a link that leads nowhere.'],
    ['that is a link to itself', 'loop.png', /^cannot be read: ELOOP/],
    ['that is a folder', '../', 'is no regular file.'],
    ['that is no image', 'list.csv', /^is no image that can be read: /],
  ])('is refused with its line for a file %s, or the file is skipped on demand', async (_, file, message) => {
    const list = await listed('a.png,sad', `${file},happy`);
    await symlink('/nowhere.png', join(list, '../link.png'));
    await symlink('loop.png', join(list, '../loop.png'));
    const told = (await refusal(list)).replace(/^list\.csv line 3: \S+ /, '');
    if (typeof message === 'string') expect(told).toBe(message);
    else expect(told).toMatch(message);
    const faces = await load(list, { skipBad: true });
    expect(faces.count).toBe(1);
    expect(faces.skipped.map((line) => line.startsWith(`${list} line 3: `))).toEqual([true]);
  });

  test('is refused when a class has a line break in its name', async () => {
    expect(await refusal(await listed('a.png,sad', 'a.png,"sad\nness"'))).toMatch(
      /^list\.csv line \d: the class 'sad\\nness' has control characters in its name\. Rename it\.$/,
    );
  });
});

describe('facesOfClass', () => {
  test('lists the classes when there is no such one', async () => {
    const faces = await load(await written('fer.csv', csv(...good)));
    expect(() => facesOfClass(faces, 'bored')).toThrow(
      new UserError("There is no class 'bored'. Classes: Angry, Disgust, Fear, Happy, Sad, Surprise, Neutral."),
    );
  });

  test('wants at least two images', async () => {
    const faces = await load(await written('fer.csv', csv(...good)));
    expect(() => facesOfClass(faces, 'neutral')).toThrow('The class Neutral has 1 image, expected at least 2.');
    expect(() => facesOfClass(faces, 'sad')).toThrow('The class Sad has no images, expected at least 2.');
  });
});

describe('labelOf', () => {
  test('takes the very name before one in another case, and asks where several are like it', () => {
    const names = ['Neutral', 'happy', 'neutral'];
    expect(['neutral', 'Neutral', 'HAPPY'].map((name) => labelOf(names, name))).toEqual([2, 0, 1]);
    expect(() => labelOf(names, 'NEUTRAL')).toThrow(
      new UserError("The class 'NEUTRAL' may be any of Neutral, neutral: write it as it stands there."),
    );
  });
});

describe('readFaces', () => {
  const faces = { size: 2, channels: 1, pixels: Uint8Array.from([0, 51, 102, 255, 255, 0, 0, 0]) } as const;

  test('gives images in [-1, 1], mirrored on demand', () => {
    expect(readFaces(faces, [1, 0])).toEqual(Float32Array.from([1, -1, -1, -1, -1, -0.6, -0.2, 1]));
    expect(readFaces(faces, [0, 0], [true, false])).toEqual(Float32Array.from([-0.6, -1, 1, -0.2, -1, -0.6, -0.2, 1]));
    const colour = { size: 2, channels: 3, pixels: Uint8Array.from({ length: 12 }, (_, i) => i * 17) } as const;
    const mirrored = readFaces(colour, [0], [1]);
    expect([...mirrored].map((v) => Math.round(((v + 1) * 127.5) / 17))).toEqual([
      3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8,
    ]);
  });
});

const ferFile = sharedFile('data/fer2013.csv.gz');
const votesFile = sharedFile('data/ferplus.csv');
const sampleFolder = sharedFile('data/faces_sample');

describe.skipIf(!ferFile || !votesFile)('the real FER2013', () => {
  test('has the counts that are known of it', async () => {
    const start = performance.now();
    const faces = await load(ferFile!, { ferplus: votesFile! });
    console.info(`fer2013.csv.gz and ferplus.csv: ${((performance.now() - start) / 1000).toFixed(1)} s`);
    const counts = (usage: string) =>
      faces.classNames.map(
        (_, label) => faces.labels.filter((l, i) => l === label && faces.usage![i] === usage).length,
      );
    expect(faces.count).toBe(32139);
    expect(counts('training')).toEqual([3970, 435, 4079, 7186, 4797, 3161, 4932]);
    expect(counts('public')).toEqual([466, 56, 496, 891, 652, 414, 604]);
    const training = new Set(faces.groups.filter((_, i) => faces.usage![i] === 'training'));
    expect(training.size).toBe(27334);
    expect(faces.groups.filter((group, i) => faces.usage![i] === 'public' && training.has(group)).length).toBe(279);
    expect([...faces.votes!.subarray(0, 10)]).toEqual([4, 0, 0, 1, 3, 2, 0, 0, 0, 0]);
  });
});

describe.skipIf(!sampleFolder)('the sample faces', () => {
  test('are forty of each class', async () => {
    const faces = await load(sampleFolder!);
    expect(faces.classNames).toEqual(['angry', 'disgust', 'fear', 'happy', 'neutral', 'sad', 'surprise']);
    for (const name of faces.classNames) expect(facesOfClass(faces, name).length).toBe(40);
  });
});
