import { writeAtomic } from '../base/files.js';
import { linePlotsPng, type Line } from '../report/plots.js';
import type { LossName } from './losses.js';
import { readMetrics } from './metrics.js';

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
const judges: readonly LossName[] = ['discriminatorA', 'discriminatorB'];

/** Plots metrics.jsonl: the generators' losses over the discriminators'; losses that are always 0 are left out. */
export async function writeLossPlot(path: string, metrics: string, classA: string, classB: string): Promise<void> {
  const rows = await readMetrics(metrics);
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
