import { writeAtomic } from '../base/files.js';
import { linePlotsPng, type Line } from '../report/plots.js';
import { lossNames, type LossName } from './losses.js';
import { readMetrics, type MetricsLine } from './metrics.js';

/** What the plots call each loss, A and B being the classes. */
const titles: Readonly<Record<LossName, (a: string, b: string) => string>> = {
  adversarialAB: (a, b) => `adversarial ${a} to ${b}`,
  adversarialBA: (a, b) => `adversarial ${b} to ${a}`,
  cycleA: (a) => `cycle ${a}`,
  cycleB: (_, b) => `cycle ${b}`,
  features: () => 'features',
  identityA: (a) => `identity ${a}`,
  identityB: (_, b) => `identity ${b}`,
  discriminatorA: (a) => `real against translated ${a}`,
  discriminatorB: (_, b) => `real against translated ${b}`,
};
/** More than a plot's pixels can tell apart. */
const mostPoints = 800;
const judges: readonly LossName[] = ['discriminatorA', 'discriminatorB'];

/** Plots metrics.jsonl: the generators' losses over the discriminators'; losses that are always 0 are left out. */
export async function writeLossPlot(path: string, metrics: string, classA: string, classB: string): Promise<void> {
  const rows = thinned(await readMetrics(metrics));
  if (rows.length === 0) return;
  const lines = (names: readonly LossName[]): Line[] =>
    names
      .filter((name) => rows.some((row) => row[name] !== 0))
      .map((name) => ({
        name: titles[name](classA, classB),
        points: rows.map((row) => [row.step, row[name]] as const),
      }));
  const adversaries = (Object.keys(titles) as LossName[]).filter((name) => !judges.includes(name));
  const axes = { xName: 'step', yName: 'loss' };
  await writeAtomic(
    path,
    await linePlotsPng([
      { title: 'Generators', ...axes, lines: lines(adversaries) },
      { title: 'Discriminators', ...axes, lines: lines(judges) },
    ]),
  );
}

/** Means over as many neighbours as it takes to have at most `most` rows. */
export function thinned(rows: readonly MetricsLine[], most = mostPoints): readonly MetricsLine[] {
  const each = Math.ceil(rows.length / most);
  if (each < 2) return rows;
  return Array.from({ length: Math.ceil(rows.length / each) }, (_, i) => {
    const group = rows.slice(i * each, (i + 1) * each);
    const mean = (name: LossName) => group.reduce((sum, row) => sum + row[name], 0) / group.length;
    return { ...group.at(-1)!, ...Object.fromEntries(lossNames.map((name) => [name, mean(name)])) };
  });
}
