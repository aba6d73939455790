import fc from 'fast-check';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { UserError } from '../../ts/base/errors.js';
import type { FaceSet } from '../../ts/data/faces.js';
import { verdictDefault, verdictFigure } from '../../ts/evaluate/figures.js';
import type { ComparedFigure } from '../../ts/evaluate/summary.js';
import { checkPatterns, matches, resolveStudy } from '../../ts/study/config.js';
import { estimateStudy } from '../../ts/study/estimate.js';
import { TaskGraph, type TaskNode } from '../../ts/study/graph.js';
import { headlineOf, partNote } from '../../ts/study/headline.js';
import { cellsIn, cellsOf, expandStudy, type ExpandedStudy } from '../../ts/study/matrix.js';
import { readStudy, readStudyFile } from '../../ts/study/options.js';
import type { GroupResult } from '../../ts/study/results.js';
import { runTasks, type Executor } from '../../ts/study/schedule.js';
import { rootOf, Store } from '../../ts/study/store.js';
import { dependenciesOf, taskId, taskSchema } from '../../ts/study/task.js';
import { storedName, withPaths } from '../../ts/study/tasks/context.js';
import { tinyStudy } from '../helpers/tiny-study.js';

const digest = 'a'.repeat(64);
const expand = (changes: object = {}, wanted: (cell: string) => boolean = () => true): ExpandedStudy =>
  expandStudy(readStudy({ ...tinyStudy, ...changes }, 'study'), {
    source: { digest, name: 'content' },
    ferplus: null,
    storedFile: (path) => `store:${digest}/${path}`,
    wanted,
  });
describe('the matrix', () => {
  test("the write-up's has every cell, and no task twice", async () => {
    const study = await readStudyFile('studies/write-up.json');
    const expanded = expandStudy(study, {
      source: { digest, name: 'content.csv.gz' },
      ferplus: null,
      storedFile: (path) => path,
      wanted: () => true,
    });
    // 3 + 9 + 1 + 2 + 2 generators, to two classes.
    expect(expanded.graph.ofKind('train').length).toBe(2 * 17);
    // 100, 200, 500, with and without selection, on nothing and on the best; the baseline and three classical ones.
    expect(expanded.groups.map(({ arms }) => arms.length)).toEqual([4 + 17 * 12, 4 + 17 * 12]);
    // Both classes share the arms without faces.
    expect(expanded.graph.ofKind('fit').length).toBe(30 * (4 + 2 * 17 * 12));
    expect(expanded.graph.ofKind('generate').length).toBe(2 * (17 * 6 + 17));
    expect(expanded.graph.ofKind('data').length).toBe(1);
    for (const { task, id, needs } of expanded.graph.nodes) {
      expect(taskSchema.parse(JSON.parse(JSON.stringify(task)))).toEqual(task);
      expect(id).toBe(taskId(task));
      expect(needs).toEqual([...new Set(dependenciesOf(task))]);
    }
  });

  test('a task keeps its id whatever else the study holds, and loses it with what it depends on', () => {
    const ids = (expanded: ExpandedStudy, kind: 'train' | 'fit') => expanded.graph.ofKind(kind).map(({ id }) => id);
    const one = expand();
    const more = expand({ added: [4, 9], classical: ['oversampling', 'class-weights'], repeats: 3, name: 'other' });
    expect(ids(more, 'train')).toEqual(ids(one, 'train'));
    const kept = ids(one, 'fit').filter((id) => ids(more, 'fit').includes(id));
    // All but those on the best of other treatments.
    expect(kept.length).toBe(12);
    for (const changes of [
      { seed: 2 },
      { holdout: 2 },
      { filters: { a: { confidenceKeep: ['0.9'] } } },
      { size: 32 },
    ]) {
      const other = expand(changes);
      expect(ids(other, 'train')).not.toEqual(ids(one, 'train'));
      expect(ids(other, 'fit').some((id) => ids(one, 'fit').includes(id))).toBe(false);
    }
    const generators = (settings: object) =>
      expand({
        generators: [{ ...tinyStudy.generators[0], settings: { ...tinyStudy.generators[0]!.settings, ...settings } }],
      });
    // An option that was not there when tasks were done, and is off, changes none of them.
    expect(generators({}).graph.ofKind('train')[0]!.task).not.toHaveProperty('config.diffAugment');
    expect(ids(generators({ diffAugment: null }), 'train')).toEqual(ids(generators({}), 'train'));
    expect(ids(generators({ diffAugment: ['color'] }), 'train')).not.toEqual(ids(generators({}), 'train'));
    // Folds matter to fits, not to generators, unless each fold has its own.
    expect(ids(expand({ folds: 3 }), 'train')).toEqual(ids(one, 'train'));
    expect(ids(expand({ strict: true }), 'train').length).toBe(4);
  });

  test('the order of keys does not matter to an id', () => {
    const [{ task }] = expand().graph.nodes as [TaskNode];
    expect(taskId(Object.fromEntries(Object.entries(task).reverse()) as typeof task)).toBe(taskId(task));
  });

  test('flags cut cells; what others need stays', () => {
    const all = ['baseline', 'oversampling', 'cyclegan i0.5 +4', 'cyclegan i0.5 +4 on best'];
    expect(cellsIn(expand())).toEqual(all.map((name) => `unfiltered/Disgust/${name}`));
    const only = (...patterns: string[]) => cellsIn(expand({}, (cell) => matches(cell, patterns)));
    expect(only('cyclegan*best').map((cell) => cell.split('/')[2])).toEqual([all[0], all[1], all[3]]);
    expect(only('oversampling').map((cell) => cell.split('/')[2])).toEqual(all.slice(0, 2));
    expect(only('disgust/base').map((cell) => cell.split('/')[2])).toEqual(['baseline']);
    expect(expand({}, (cell) => matches(cell, ['over'])).graph.ofKind('train')).toEqual([]);
    expect(() => expand({}, () => false)).toThrow('No cell of the study is wanted');
    expect(matches('a/b/x +1', ['+1'])).toBe(true);
    expect(matches('a/b/x 1', ['+1'])).toBe(false);
  });

  test('the cells of a study are known whatever is wanted of it', () => {
    const changes = { filters: { a: null, b: null }, selections: { unselected: null, best: { select: ['density'] } } };
    const whole = expand(changes);
    expect(cellsOf(whole.study)).toEqual(cellsIn(whole));
    expect(cellsIn(whole).length).toBe(2 * 6);
    const part = expand(changes, (cell) => matches(cell, ['b/disgust/base']));
    expect(cellsOf(part.study)).toEqual(cellsIn(whole));
    expect(partNote(part)).toBe("1 of the study's 12 cells (--only, --skip).");
    expect(partNote(whole)).toBeUndefined();
  });

  test('a pattern that no cell has in its name is a mistake, wherever others match', () => {
    const all = cellsIn(expand());
    expect(() => checkPatterns({ only: ['base', 'i0.5*best'], skip: ['over'] }, all)).not.toThrow();
    const cells = 'Cells are unfiltered/Disgust/oversampling, ';
    expect(() => checkPatterns({ only: ['baseline', 'oversmpling'], skip: null }, all)).toThrow(
      `No cell has 'oversmpling' (--only) in its name. ${cells}`,
    );
    expect(() => checkPatterns({ only: ['baseline'], skip: ['over', 'none'] }, all)).toThrow(
      /^No cell has 'none' \(--skip\) in its name\. .* \(all 4: --plan\)\.$/,
    );
  });

  test('selected faces are compared with those that are not', () => {
    const selections = { unselected: null, best: { select: ['density'] } };
    const [group] = expand({ selections, on: ['none'] }).groups;
    expect(group!.arms.map(({ name, unselected }) => [name, unselected]).slice(2)).toEqual([
      ['cyclegan i0.5 +4', null],
      ['cyclegan i0.5 +4 best', 'cyclegan i0.5 +4'],
    ]);
    expect(() => expand({ selections: { best: {} } })).toThrow(
      'selections.best: select says what faces are chosen by.',
    );
    expect(() => expand({ selections: { best: { select: ['density', 'density'] } } })).toThrow(
      /^selections\.best: Expected one or more of .*, each once for select .* \[ 'density', 'density' \]/,
    );
  });
});

/** Nodes 0..n-1, each needing some of those before it. */
const graphs = fc.array(fc.array(fc.nat(), { maxLength: 3 }), { minLength: 1, maxLength: 12 }).map((all) =>
  all.map((needs, i): TaskNode => {
    const known = i === 0 ? [] : [...new Set(needs.map((need) => String(need % i)))];
    return { id: String(i), label: `task ${i}`, needs: known, task: {} as TaskNode['task'] };
  }),
);
const never = new AbortController().signal;

describe('the order of tasks', () => {
  test('each runs once, after those that it needs, at most so many at a time; what needs a failed one does not', () =>
    fc.assert(
      fc.asyncProperty(
        graphs,
        fc.integer({ min: 1, max: 4 }),
        fc.uniqueArray(fc.nat(11)),
        fc.uniqueArray(fc.nat(11)),
        async (nodes, limit, failing, known) => {
          const fails = new Set(failing.map(String));
          const done = new Set(known.map(String).filter((id) => !fails.has(id)));
          const ran: string[] = [];
          let running = 0;
          const executor: Executor = {
            limit,
            async run({ id, needs }) {
              expect(needs.every((need) => done.has(need))).toBe(true);
              expect(++running).toBeLessThanOrEqual(limit);
              ran.push(id);
              for (let i = Number(id) % 3; i >= 0; i--) await Promise.resolve();
              running--;
              if (fails.has(id)) throw new Error('no');
              done.add(id);
            },
            close: () => Promise.resolve(),
          };
          const before = new Set(done);
          const failures = await runTasks(nodes, (id) => before.has(id), executor, { signal: never });
          expect(new Set(ran).size).toBe(ran.length);
          for (const { id, needs } of nodes) {
            const ended = [done.has(id), failures.has(id)].filter(Boolean).length;
            expect(ended, id).toBe(1);
            if (failures.has(id)) expect(fails.has(id) || needs.some((need) => failures.has(need))).toBe(true);
            if (before.has(id)) expect(ran).not.toContain(id);
          }
        },
      ),
    ));

  test('begins nothing after the signal', async () => {
    const nodes = ['0', '1', '2'].map((id): TaskNode => ({ id, label: id, needs: [], task: {} as TaskNode['task'] }));
    const controller = new AbortController();
    const ran: string[] = [];
    const executor: Executor = {
      limit: 1,
      run({ id }) {
        ran.push(id);
        controller.abort(new Error('enough'));
        return Promise.reject(new Error('stopped'));
      },
      close: () => Promise.resolve(),
    };
    await expect(runTasks(nodes, () => false, executor, controller)).rejects.toThrow('enough');
    expect(ran).toEqual(['0']);
  });

  test('a graph takes no task before those that it needs', () => {
    const { graph } = expand();
    const copy = new TaskGraph();
    const fit = graph.ofKind('fit')[0]!;
    expect(() => copy.add(fit.task, 'fit')).toThrow(RangeError);
    for (const { task, label } of [...graph.nodes, ...graph.nodes]) copy.add(task, label);
    expect(copy.nodes).toEqual(graph.nodes);
  });
});

describe('the store', () => {
  let folder: string;
  beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'rareface-store-'))));
  afterAll(() => rm(folder, { recursive: true }));
  const [{ task }] = expand().graph.nodes as [TaskNode];

  test('keeps the first of two results of a task, whole', async () => {
    const store = await Store.open(join(folder, 'race'));
    const id = taskId(task);
    const [one, other] = [await store.scratch(id), await store.scratch(id)];
    await writeFile(join(one, 'file'), 'one');
    await writeFile(join(other, 'file'), 'other');
    expect(store.has(id)).toBe(false);
    await store.publish(one, { id, task, seconds: 1, share: 1, value: 'one' });
    await store.publish(other, { id, task, seconds: 2, share: 1, value: 'other' });
    expect((await store.read(id)).value).toBe('one');
    expect((await readdir(store.resultFolder(id))).sort()).toEqual(['file', 'result.json']);
    expect(await readdir(join(store.folder, 'results'))).toEqual([id]);
    await expect(store.read('b'.repeat(64))).rejects.toThrow(/Cannot read the result /);
  });

  test('tells from what tasks took how long the others take of the whole machine', async () => {
    const store = await Store.open(join(folder, 'times'));
    const expanded = expand();
    const fits = expanded.graph.ofKind('fit');
    const left = new Set(fits.slice(3));
    // Two at a time, and one of them beside other work.
    const times = new Map(fits.slice(0, 3).map((node, i) => [node, [90, 4000, 110][i]!]));
    for (const node of expanded.graph.nodes) {
      if (left.has(node)) continue;
      const { id, task } = node;
      await store.publish(await store.scratch(id), {
        id,
        task,
        seconds: times.get(node) ?? 1,
        share: 0.5,
        value: null,
      });
    }
    const plan = { ...expanded, roots: new Map(), faces: {} as FaceSet, out: store.folder };
    const estimates = await estimateStudy(plan, store);
    expect(estimates.filter(({ seconds }) => seconds !== 0)).toEqual([
      { kind: 'fit', tasks: fits.length, done: 3, seconds: (fits.length - 3) * 55 },
    ]);
  });

  test('hands unfinished work to whoever asks last, and leaves the one before without', async () => {
    const store = await Store.open(join(folder, 'work'));
    const first = await store.claimWork('x');
    await writeFile(join(first, 'checkpoint'), '1');
    const second = await store.claimWork('x');
    expect(await readdir(second)).toEqual(['checkpoint']);
    await expect(writeFile(join(first, 'checkpoint'), '2')).rejects.toThrow('ENOENT');
    await store.removeWork('x');
    expect(await readdir(join(store.folder, 'work'))).toEqual([]);
  });

  test('names files and folders by content, and finds them wherever it lies', async () => {
    const store = await Store.open(join(folder, 'roots'));
    await writeFile(join(folder, 'a.csv'), 'content');
    await writeFile(join(folder, 'b.csv'), 'content');
    const [a, b] = [await rootOf(join(folder, 'a.csv')), await rootOf(join(folder, 'b.csv'))];
    expect(a).toEqual(b);
    expect(await rootOf(join(folder, 'roots'))).toMatchObject({ name: 'content' });
    await store.addRoot(join(folder, 'a.csv'), a);
    await store.addRoot(join(folder, 'b.csv'), b);
    expect(withPaths(store, { embedding: storedName(a), other: 1 })).toEqual({
      embedding: join(store.folder, 'data', a.digest, 'content.csv'),
      other: 1,
    });
    await expect(rootOf(join(folder, 'none'))).rejects.toThrow(/^Cannot read /);
  });

  test('removes what a killed process of this machine left, and nothing else', async () => {
    const store = await Store.open(join(folder, 'leftovers'));
    const id = taskId(task);
    const own = await store.scratch(id);
    const results = join(store.folder, 'results');
    // No process has a number beyond the kernel's largest.
    const dead = own.replace(`-${process.pid}-`, '-99999999-');
    await writeFile(dead, '');
    await store.removeLeftovers();
    expect((await readdir(results)).map((name) => join(results, name))).toEqual([own]);
  });
});

describe('the headline', () => {
  const compared = (arm: string, measure: 'precision' | 'auc', mean: number, p: number): ComparedFigure => ({
    ...{ arm, against: 'baseline', measure, of: measure === 'auc' ? 'mean' : 'Disgust', mean },
    ...{
      t: 1,
      degrees: 3,
      deviation: 0.1,
      low: mean - 0.005,
      high: mean + 0.005,
      p,
      q: p,
      pHolm: p,
      effect: 1,
      better: 4,
      fits: 4,
    },
  });
  const headline = (...comparisons: ComparedFigure[]) =>
    headlineOf({
      filter: 'surest',
      summary: {
        ...{ target: 'Disgust', comparisons },
        verdictOn: verdictDefault.map((name) => verdictFigure(name, 'Disgust')),
      },
    } as unknown as GroupResult);

  test('of several treatments counts what was found and shows the highest', () => {
    expect(
      headline(
        ...[compared('a', 'precision', 0.04, 0.0004), compared('a', 'auc', 0.001, 0.8)],
        ...[compared('b', 'precision', 0.05, 0.3), compared('b', 'auc', 0.02, 0.2)],
      ),
    ).toBe(
      'surest, Disgust: Of 2 treatments 1 has a higher Disgust precision than the baseline, 0 a lower one, 0 the same, ' +
        '1 cannot be told from it. The highest: a: Disgust precision +0.040 [+0.035, +0.045], p < 0.001, corrected ' +
        '< 0.001: higher; mean AUC unchanged.',
    );
  });

  test('of one treatment, or none, says what there is', () => {
    expect(headline(compared('a', 'precision', -0.02, 0.01), compared('a', 'auc', 0.03, 0.2))).toBe(
      'surest, Disgust: a: Disgust precision −0.020 [−0.025, −0.015], p = 0.010, corrected 0.010: lower; mean AUC ' +
        '+0.030 [+0.025, +0.035]: undecided.',
    );
    expect(headline()).toBe('surest: the baseline alone was fitted; nothing is compared.');
  });
});

test.each(['foo', 'localhost:6379', 'http://localhost', 'redis:foo', 'redis://', 'redis://a b'])(
  'the queue %j is refused when options are read',
  (queue) => {
    expect(() => resolveStudy({ config: 'study.json', queue })).toThrow(
      new UserError(`Expected redis://host:port for --queue but received ${queue}.`),
    );
    expect(resolveStudy({ config: 'study.json', queue: 'rediss://user:x@host:1/2' }).queue).toContain('host');
  },
);

describe('a study file', () => {
  test.each([
    [{ targets: [] }, /^study: targets: /],
    [{ folds: 1 }, /^study: folds: /],
    [{ classical: ['magic'] }, /^study: classical\.0: /],
    [{ verdictOn: ['roc'] }, /^study: verdictOn\.0: /],
    [{ added: [20, 50, 20] }, /^study: added\.2: 20 is there already\.$/],
    [{ classical: ['oversampling', 'oversampling'] }, /^study: classical\.1: "oversampling" is there already/],
    [{ on: ['none', 'none'] }, /^study: on\.1: "none" is there already/],
    [{ verdictOn: ['recall', 'recall'] }, /^study: verdictOn\.1: "recall" is there already/],
    [
      { generators: [{ ...tinyStudy.generators[0], vary: { lambdaIdentity: [0, 0.5, 0.5] } }] },
      /^study: generators\.0\.vary\.lambdaIdentity\.2: 0\.5 is there already/,
    ],
    [
      { targets: [...tinyStudy.targets, { from: 'Happy', to: 'disgust' }] },
      /^study: targets\.1: disgust is made already, and cells are named by the class made: /,
    ],
    [{ classical: [] }, /on: "best" wants classical treatments/],
    [{ classifier: { width: 3 } }, /^study: classifier: Unrecognized key: "width"/],
  ])('%j', (changes, message) => {
    expect(() => readStudy({ ...tinyStudy, ...changes }, 'study')).toThrow(message);
  });
});
