import { linePlotsSvg, palette } from '../report/plots.js';
import type { LossName } from '../train/losses.js';
import { thinned } from '../train/loss-plot.js';
import { readMetrics } from '../train/metrics.js';
import type { StudyGenerator } from './matrix.js';
import type { Store } from './store.js';
import { trainedFiles } from './tasks/train.js';

/** The losses that tell generators apart: of the way to the rare class. */
const shown: readonly (readonly [LossName, string])[] = [
  ['adversarialAB', 'adversarial loss of the generator'],
  ['cycleA', 'cycle loss'],
  ['discriminatorB', 'loss of the discriminator of the class made'],
];
const mostPoints = 200;

/** Plots of losses over steps, generators over one another, as many a plot as colours. */
export async function lossSections(
  generators: readonly StudyGenerator[],
  store: Store,
): Promise<{ title: string; svg: string }[]> {
  const runs = await Promise.all(
    generators.map(async ({ name, train }) => ({
      name,
      rows: thinned(await readMetrics(trainedFiles(store.resultFolder(train)).metrics), mostPoints),
    })),
  );
  const drawn = runs.filter(({ rows }) => rows.length > 0);
  const parts = Array.from({ length: Math.ceil(drawn.length / palette.length) }, (_, i) =>
    drawn.slice(i * palette.length, (i + 1) * palette.length),
  );
  return parts.map((part, i) => ({
    title: parts.length > 1 ? `losses (${i + 1} of ${parts.length})` : 'losses',
    svg: linePlotsSvg(
      shown.map(([loss, title]) => ({
        ...{ title, xName: 'step', yName: 'loss' },
        lines: part.map(({ name, rows }) => ({ name, points: rows.map((row) => [row.step, row[loss]] as const) })),
      })),
    ),
  }));
}
