import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { UserError } from '../../ts/base/errors.js';
import { studyCommand } from '../../ts/cli/study-command.js';
import { ferClasses, ferPlusColumnOf, ferPlusColumns } from '../../ts/data/classes.js';
import { Store } from '../../ts/study/store.js';
import { printed } from '../helpers/printed.js';
import { hasRedis, startRedis, type RedisServer } from '../helpers/redis.js';
import { doneTasks, ended, startCommand, tinyStudy, written, writeTinyStudy } from '../helpers/tiny-study.js';

let folder: string;
let config: string;
let whole: string;
let text: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rareface-study-'));
  config = await writeTinyStudy(folder);
  whole = join(folder, 'whole');
  text = await printed(() => studyCommand(['--config', config, '--out', whole]));
}, 300_000);
afterAll(() => rm(folder, { recursive: true }));

test('compares all arms and writes a table and a page that needs no other file', async () => {
  expect(text).toMatch(/^unfiltered, Disgust: Of 3 treatments \d have? a higher Disgust precision than the baseline/);
  const { page, table, json } = await written(whole);
  const rows = table.trim().split('\n');
  // Eight figures of four arms, of which one is compared with two others.
  expect(rows.length).toBe(1 + 8 * 5);
  expect(rows[1]).toMatch(/^unfiltered,Disgust,baseline,0,Disgust precision,[\d.]+,-?[\d.]+,[\d.]+,,/);
  expect(table).toContain('\nunfiltered,Disgust,cyclegan i0.5 +4 on oversampling,');
  const { groups, missing } = JSON.parse(json) as {
    groups: { arms: { name: string; fits: number; added: number }[] }[];
    missing: unknown[];
  };
  expect(missing).toEqual([]);
  const arms = groups[0]!.arms;
  expect(arms.map(({ name, fits }) => [name, fits])).toEqual(
    ['baseline', 'oversampling', 'cyclegan i0.5 +4', 'cyclegan i0.5 +4 on oversampling'].map((name) => [name, 4]),
  );
  // Eight are made, of which a fold takes those whose sources it trains on: four on average.
  expect(arms[2]!.added).toBe(4);
  expect(json).not.toContain(folder);
  expect(page).not.toContain(folder);
  expect(page.match(/<svg/g)!.length).toBe(3);
  expect(page).toMatch(/<img alt="Disgust made of Neutral" src="data:image\/png/);
  expect(page).not.toMatch(/(src|href)="(?!data:)/);
});

test('the plan says what is there already, and does nothing', async () => {
  const plan = await printed(() => studyCommand(['--config', config, '--out', whole, '--plan', '--repeats', '3']));
  expect(plan).toMatch(/^4 cells:\n {2}unfiltered\/Disgust\/baseline\n/);
  expect(plan).toMatch(/fitting classifiers +24 +12 /);
  expect(plan).toMatch(/training generators +1 +1 +0 s/);
  const none = join(folder, 'none');
  const fresh = await printed(() => studyCommand(['--config', config, '--out', none, '--plan', '--only', 'base']));
  expect(fresh).toMatch(
    /^1 cell:\n[^]*About \d+ s left on this machine, and reading and filtering\. Nothing was done\.\n$/,
  );
  await expect(readFile(join(none, 'work'))).rejects.toThrow('ENOENT');
});

test('a second call does nothing anew, and one without real faces shows drawn ones', { timeout: 300_000 }, async () => {
  const before = await doneTasks(whole);
  const first = await written(whole);
  await printed(() => studyCommand(['--config', config, '--out', whole, '--no-real-faces']));
  expect(await doneTasks(whole)).toEqual(before);
  const { page, table } = await written(whole);
  expect(table).toBe(first.table);
  expect(page).not.toContain("of the study's");
  expect(page).toContain('<img alt="Disgust made of drawn faces, which stand for real ones"');
});

test('a part of a study says that it is one', { timeout: 300_000 }, async () => {
  const said = await printed(() => studyCommand(['--config', config, '--out', whole, '--only', 'baseline']));
  const note = "1 of the study's 4 cells (--only, --skip).";
  expect(said.split('\n').at(-3)).toBe(note);
  expect((await written(whole)).page).toContain(note.replace("'", '&#39;'));
  await printed(() => studyCommand(['--config', config, '--out', whole]));
});

test(
  'killed at any time, it repeats no finished task and comes to the same, bit for bit',
  { timeout: 300_000 },
  async () => {
    const first = JSON.parse(await readFile(join(folder, 'whole', 'study.json'), 'utf8')) as object;
    const out = join(folder, 'killed');
    const known = new Map<string, number>();
    // In the middle of training, and somewhere among the fits.
    for (const point of [2, 4 + Math.floor(8 * Math.random())]) {
      const child = startCommand('study', '--config', config, '--out', out);
      while ((await doneTasks(out)).size < point && child.exitCode === null) await setTimeout(10);
      await setTimeout(300 * Math.random());
      child.kill('SIGKILL');
      await ended(child);
      const done = await doneTasks(out);
      for (const [id, time] of known) expect(done.get(id), `killed at ${point}: ${id}`).toBe(time);
      for (const [id, time] of done) known.set(id, time);
    }
    await printed(() => studyCommand(['--config', config, '--out', out, '--workers', '2']));
    const done = await doneTasks(out);
    for (const [id, time] of known) expect(done.get(id)).toBe(time);
    expect([...done.keys()].sort()).toEqual([...(await doneTasks(whole)).keys()].sort());
    expect(JSON.parse((await written(out)).json)).toEqual(first);
    expect((await written(out)).table).toBe((await written(whole)).table);
  },
);

test('a study has its folder alone; Ctrl-C stops it and it says how to go on', { timeout: 300_000 }, async () => {
  const out = join(folder, 'stopped');
  const child = startCommand('study', '--config', config, '--out', out);
  let err = '';
  child.stderr!.on('data', (chunk: Buffer) => (err += chunk.toString()));
  while ((await doneTasks(out)).size < 2 && child.exitCode === null) await setTimeout(10);
  for (const queue of [[], ['--queue', 'redis://127.0.0.1:1']])
    await expect(studyCommand(['--config', config, '--out', out, ...queue])).rejects.toThrow(
      new UserError(
        `${out} is in use: process ${child.pid} does a study in it. Wait until it ends, or stop it (kill -INT ${child.pid}).`,
      ),
    );
  child.kill('SIGINT');
  expect(await ended(child)).toBe(130);
  expect(err).not.toContain('Failed');
  expect(err).toMatch(/Stopped: \d+ of 22 tasks are in .*stopped\. The same command goes on with them\./);
});

describe.skipIf(!hasRedis)('on a queue', () => {
  let server: RedisServer;
  beforeAll(async () => (server = await startRedis(folder)));
  afterAll(() => server.stop());

  test('two workers, one of them killed in the middle of a task, come to the same', { timeout: 300_000 }, async () => {
    const out = join(folder, 'queued');
    const { url } = server;
    // Workers want a folder that a study began.
    await Store.open(out);
    const worker = () => startCommand('worker', '--queue', url, '--store', out, '--lock-seconds', '2');
    const workers = [worker(), worker()];
    const done = [0, 0];
    let killed: number | undefined;
    workers.forEach((child, i) =>
      child.stderr!.on('data', (chunk: Buffer) => {
        const said = chunk.toString();
        done[i]! += said.split('done ').length - 1;
        if (killed === undefined && said.includes('begins  train')) {
          killed = i;
          child.kill('SIGKILL');
        }
      }),
    );
    try {
      const same = await printed(() => studyCommand(['--config', config, '--out', out, '--queue', url]));
      expect(same.split('\n')[0]).toBe(text.split('\n')[0]);
    } finally {
      for (const child of workers) child.kill('SIGTERM');
    }
    expect(await Promise.all(workers.map(ended))).toEqual(workers.map((_, i) => (i === killed ? null : 143)));
    expect(done[1 - killed!]).toBeGreaterThan(0);
    const [one, other] = [await written(whole), await written(out)];
    expect(other.json).toBe(one.json);
    expect(other.table).toBe(one.table);
  });
});

describe('a mistake is one line', () => {
  test.each([
    [{ folds: 9 }, [], /The class Disgust has 7 different images to divide, expected at least 9/],
    [{ targets: [{ from: 'Neutral', to: 'Fear' }] }, [], /There is no class 'Fear'/],
    [
      { generators: [{ ...tinyStudy.generators[0], name: 'x' }], extra: 1 },
      [],
      /mistake\.json: Unrecognized key: "extra"/,
    ],
    [
      { generators: [{ ...tinyStudy.generators[0], vary: { lambda: [1] }, name: 'x{lambda}' }] },
      [],
      /generator x1: .*Unknown option 'lambda'/,
    ],
    [
      { generators: [{ ...tinyStudy.generators[0], name: 'x', vary: { lambdaCycle: [1, 2] } }] },
      [],
      /Two generators are called 'x'/,
    ],
    [
      { added: [500] },
      [],
      /^500 faces of cyclegan i0\.5 to Disgust, unselected: Cannot make 1000 faces from the 11 Neutral faces that are not held out: .* they give 198 /,
    ],
    [
      { added: [6], selections: { best: { select: ['discriminator'], perSource: 1 } } },
      [],
      /^6 faces of cyclegan i0\.5 to Disgust, best: 11 sources can give 11 faces at 1 of each \(--per-source\), and 12 are wanted/,
    ],
    [
      { strict: true, added: [6], selections: { best: { select: ['discriminator'], perSource: 1 } } },
      [],
      /^6 faces of .*, repeat 1 fold 2, best: 5 sources can give 5 faces at 1 of each/,
    ],
    [
      {
        ...{ added: [8], filters: { a: { confidenceKeep: ['0.9'] } } },
        selections: { best: { select: ['discriminator'], perSource: 1 } },
      },
      [],
      /^8 faces of .*, best: 12 sources can give 12 faces at 1 of each .*, and 16 are wanted/,
    ],
    [{ filters: { a: {} } }, [], /filters\.a: No filter is asked for/],
    [{ filters: { a: { agreementMin: 0.5 } } }, [], /filters\.a: .* want FER\+ votes/],
    [{ filters: { a: { data: 'x', agreementMin: 0.5 } } }, [], /filters\.a: data is the study's own/],
    [{}, ['--only', 'base,oversmpling'], /No cell has 'oversmpling' \(--only\) in its name/],
    [{}, ['--only', 'base', '--skip', 'base'], /No cell of the study is wanted/],
    [{}, ['--data', 'none.csv'], /Cannot read none\.csv/],
    [{}, ['--queue', 'localhost'], /Expected redis:\/\/host:port for --queue but received localhost/],
    [{}, ['--queue', 'redis://127.0.0.1:1'], /Cannot reach the queue at 127\.0\.0\.1:1: .*ECONNREFUSED/],
    [{}, ['--repeat', '2'], /unknown option '--repeat' \(Did you mean --repeats\?\)/],
  ])('%j %j', async (changes, args, message) => {
    const file = join(folder, 'mistake.json');
    await writeFile(file, JSON.stringify({ ...tinyStudy, data: join(folder, 'faces'), ...changes }));
    const failing = studyCommand(['--config', file, '--out', join(folder, 'm'), ...args]);
    await expect(failing).rejects.toThrow(UserError);
    await expect(failing).rejects.toThrow(message);
    await expect(failing).rejects.toThrow(/^[^\n]*$/);
  });
});

test('a cell that fails is told of, and the others go on', { timeout: 300_000 }, async () => {
  const other = join(folder, 'failing');
  const file = await writeTinyStudy(other, {
    generators: [
      {
        ...tinyStudy.generators[0],
        name: 'short',
        settings: { ...tinyStudy.generators[0]!.settings, stepsPerEpoch: 1 },
        vary: {},
      },
    ],
    ...{ on: ['none'], classical: [], repeats: 1, added: [5], data: join(other, 'fer.csv') },
    ...{ ferplus: join(other, 'votes.csv'), filters: { agreed: { agreementMin: 0.6 } } },
  });
  // Voters agree on half of the Neutral faces, which is known only when the filter has run. Mirrored and shifted,
  // flat faces stay as they are.
  await writeFile(join(other, 'fer.csv'), ferRows(4, { Neutral: 12 }));
  await writeFile(join(other, 'votes.csv'), votesRows(4, { Neutral: 12 }));
  const code = process.exitCode;
  const said = await printed(() => studyCommand(['--config', file, '--out', join(other, 'out')]));
  expect(process.exitCode).toBe(1);
  process.exitCode = code;
  expect(said).toMatch(/Without figures: agreed\/Disgust\/short \+5 \(.*Cannot make 10 faces from the 5 Neutral faces/);
  expect(said).toMatch(/^agreed: the baseline alone was fitted; nothing is compared\.\n/);
  expect((await written(join(other, 'out'))).page).toContain('Without figures: 1');
});

/** Rows of FER2013 of flat grey faces, every other of which is no Training row: a study takes them all. */
function ferRows(each: number, others: Readonly<Record<string, number>>): string {
  const rows = ferLabels(each, others).map((label, i) => {
    const pixels = Array.from({ length: 48 * 48 }, () => 5 * i).join(' ');
    return `${label},${pixels},${i % 2 ? 'PublicTest' : 'Training'}`;
  });
  return ['emotion,pixels,Usage', ...rows, ''].join('\n');
}

/** FER+ votes for them: of every other Neutral face, half of the voters see none. */
function votesRows(each: number, others: Readonly<Record<string, number>>): string {
  const rows = ferLabels(each, others).map((label, i) => {
    const own = ferClasses[label] === 'Neutral' && i % 2 ? 5 : 10;
    const counts = ferPlusColumns.map((name, column) =>
      column === ferPlusColumnOf[label] ? own : name === 'NF' ? 10 - own : 0,
    );
    return `${i % 2 ? 'PublicTest' : 'Training'},${i}.png,${counts.join(',')}`;
  });
  return [`Usage,Image name,${ferPlusColumns.join(',')}`, ...rows, ''].join('\n');
}

const ferLabels = (each: number, others: Readonly<Record<string, number>>): number[] =>
  ferClasses.flatMap((name, label) => Array.from({ length: others[name] ?? each }, () => label));
