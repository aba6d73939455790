import { embeddingDefaults } from '../embed/options.js';
import { featuresNote, strictNote } from '../evaluate/leaks.js';
import { summarySections } from '../evaluate/report.js';
import { describeFigure, type FigureName } from '../evaluate/figures.js';
import { figureIn, type Summary } from '../evaluate/summary.js';
import { baselineName } from '../evaluate/treatment.js';
import { addedNote } from '../evaluate/verdict.js';
import {
  htmlFolded,
  htmlGrid,
  htmlImage,
  htmlPage,
  htmlPre,
  htmlSvg,
  htmlTable,
  htmlText,
  type Section,
} from '../report/html.js';
import { presets } from '../train/presets.js';
import { headlineOf, partNote } from './headline.js';
import { lossSections } from './report-losses.js';
import { qualitySection } from './report-quality.js';
import { facesSheet } from './report-faces.js';
import type { ExpandedStudy, StudyGenerator, StudyGroup } from './matrix.js';
import type { Study } from './options.js';
import type { GroupResult, StudyResult } from './results.js';
import type { Failures } from './schedule.js';
import type { Store } from './store.js';
import { variantsOf } from './variants.js';

export interface ReportOptions {
  /** Whether real faces, and what was made of them, may be seen. */
  readonly realFaces: boolean;
}

/** The study on one page that needs no other file. */
export async function studyPage(
  expanded: ExpandedStudy,
  result: StudyResult,
  store: Store,
  failures: Failures,
  options: ReportOptions,
): Promise<string> {
  const { study, groups } = expanded;
  const sections: Section[] = [
    { title: 'Verdict', html: htmlText([...result.groups.map(headlineOf), ...notesOf(expanded)]) },
    ...missingSection(result),
    ...(result.groups.length > 0
      ? [{ title: 'Faces before and after filtering', html: countsTable(result.groups) }]
      : []),
  ];
  for (const found of result.groups) {
    const group = groups.find(({ filter, to }) => filter === found.filter && to === found.to)!;
    sections.push(...(await groupSections(group, found, expanded, store, failures, options)));
  }
  sections.push({ title: 'The study', html: htmlPre(JSON.stringify({ ...study, data: nameOf(study.data) }, null, 2)) });
  return htmlPage(`Study: ${study.name}`, sections);
}

/** Without the folders of whoever did it. */
const nameOf = (path: string): string => path.split('/').at(-1)!;

/** How figures came about, and what has seen the faces that they are of. */
function notesOf(expanded: ExpandedStudy): string[] {
  const { study, groups, graph } = expanded;
  const { folds, repeats, holdout, strict, filters } = study;
  const made = groups.some(({ generators }) => generators.length > 0);
  const selected = graph.ofKind('generate').some(({ task }) => task.kind === 'generate' && task.select !== null);
  return [
    partNote(expanded) ?? [],
    `Every figure is of ${repeats} x ${folds}-fold cross-validation, each treatment on the same folds, from the same ` +
      'starting weights.' +
      (holdout > 0
        ? ` ${holdout} faces of every class are held out from all training of classifiers${made ? ' and generators' : ''}.`
        : ''),
    ...(Object.values(filters).some((filter) => filter !== null)
      ? ['The filter chose all faces, those that are tested on and those that are held out among them.']
      : []),
    ...(!made ? [] : [strict ? strictNote : cheapNote(selected)]),
    ...featureNetworks(expanded).map(featuresNote),
  ].flat();
}

const cheapNote = (selected: boolean): string =>
  'Leak: a generator was trained on all faces that are not held out, those that a fold tests on among them' +
  `${selected ? '; faces were selected by them, too' : ''}. So figures on the folds may be too good; those on the ` +
  'held-out faces are free of that. Faces made from a face that a fold tests on are left out of it. A strict study ' +
  'trains a generator for each fold.';

/** Of generators that have a perceptual loss: the network whose features it compares, as options name it. */
const lossNetworks = (study: Study): Map<string, string> =>
  new Map(
    variantsOf(study).flatMap(({ name, preset, settings }) => {
      const { perceptualAlpha, features } = { ...presets[preset], ...settings };
      return perceptualAlpha > 0 ? [[name, features] as const] : [];
    }),
  );

/** By what the losses of generators, and selection by density, compare faces. */
function featureNetworks({ study, graph, groups }: ExpandedStudy): string[] {
  const losses = lossNetworks(study);
  const byLoss = groups.flatMap(({ generators }) => generators.flatMap(({ name }) => losses.get(name) ?? []));
  const byDensity = graph.nodes.some(({ task }) => {
    const select = task.kind === 'generate' ? task.select?.['select'] : undefined;
    return Array.isArray(select) && select.includes('density');
  });
  return [...new Set([...byLoss, ...(byDensity ? [embeddingDefaults.embedding] : [])])];
}

function missingSection({ missing }: StudyResult): Section[] {
  if (missing.length === 0) return [];
  const rows = missing.map(({ cell, why }) => [cell, why.split('\n')[0]!] as const);
  return [{ title: `Without figures: ${missing.length}`, html: htmlTable(rows) }];
}

function countsTable(groups: readonly GroupResult[]): string {
  const filters = [...new Map(groups.map((group) => [group.filter, group])).values()];
  const { classNames, before } = filters[0]!;
  const cells = (row: number | undefined) => [
    String(row === undefined ? sum(before) : before[row]!),
    ...filters.map(({ counts }) => {
      const [kept, of] = row === undefined ? [sum(counts), sum(before)] : [counts[row]!, before[row]!];
      return `${kept} (${((100 * kept) / of).toFixed(1)} %)`;
    }),
  ];
  return htmlGrid(
    ['', 'as they came', ...filters.map(({ filter }) => filter)],
    [...classNames.map((name, row) => [name, ...cells(row)]), ['all', ...cells(undefined)]],
  );
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

async function groupSections(
  group: StudyGroup,
  found: GroupResult,
  { study }: ExpandedStudy,
  store: Store,
  failures: Failures,
  { realFaces }: ReportOptions,
): Promise<Section[]> {
  const where = `${found.filter}, ${found.from} to ${found.to}`;
  const shown = chartArms(found.summary);
  const [leading] = found.summary.verdictOn as [FigureName];
  const hidden = found.summary.arms.length - shown.length;
  const parts = summarySections({ ...found.summary, notes: addedNote(found.summary), verdicts: found.verdicts }, shown);
  if (hidden > 0)
    parts[0] = {
      ...parts[0]!,
      html:
        parts[0]!.html +
        htmlText([
          `Charts show the baseline and the ${shown.length - 1} treatments with the highest ${describeFigure(leading)}, of ${found.summary.arms.length}.`,
        ]),
    };
  const generators = group.generators.filter(({ drawn }) => !failures.has(drawn));
  const faces = generators.length > 0 ? await facesSheet(generators, group, store, failures, realFaces) : undefined;
  // Tables that may have hundreds of rows come last, and folded.
  const isLong = ({ title }: Section) => title === 'Differences' || title.startsWith('Confusion');
  return [
    ...parts.filter((part) => !isLong(part)),
    ...(faces ? [{ title: faces.title, html: htmlImage(faces.png, faces.title) }] : []),
    ...qualitySection(found.quality, flattered(study, generators)),
    ...(await lossSections(generators, store)).map(({ title, svg }) => ({ title, html: htmlSvg(svg) })),
    ...parts.filter(isLong).map(({ title, html }) => ({ title, html: htmlFolded(html) })),
  ].map(({ title, html }) => ({ title: `${where}: ${title}`, html }));
}

/** Generators that were trained by features of the network on whose embedding their faces are measured. */
function flattered(study: Study, generators: readonly StudyGenerator[]): string[] {
  const embedding = study.quality?.['embedding'] ?? embeddingDefaults.embedding;
  const losses = lossNetworks(study);
  return generators.map(({ name }) => name).filter((name) => losses.get(name) === embedding);
}

/** As many as can be told apart. */
const mostShown = 7;

/** Names of the arms that charts show: the baseline and those that are best in the first figure that verdicts are on. */
function chartArms({ arms, verdictOn }: Summary): string[] {
  const names = arms.map(({ name }) => name);
  if (names.length <= mostShown) return names;
  const value = (name: string) => figureIn(arms.find((arm) => arm.name === name)!.figures, verdictOn[0]!).mean;
  const ranked = names.filter((name) => name !== baselineName).sort((a, b) => value(b) - value(a));
  const chosen = new Set([baselineName, ...ranked.slice(0, mostShown - 1)]);
  return names.filter((name) => chosen.has(name));
}
