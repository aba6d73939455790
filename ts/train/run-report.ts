import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomic } from '../base/files.js';
import { htmlImage, htmlPage, htmlTable, type Section } from '../report/html.js';
import type { TrainConfig } from './options.js';
import type { runFiles } from './run-folder.js';

/** What a run's page says beside what lies in its folder. */
export interface RunSummary {
  readonly classA: string;
  readonly classB: string;
  readonly imagesA: number;
  readonly imagesB: number;
  readonly step: number;
  readonly totalSteps: number;
  /** Training time so far. */
  readonly seconds: number;
}

/** Writes report.html: how far the run is, its newest and its first sample sheet, losses, every option. */
export async function writeRunReport(
  files: ReturnType<typeof runFiles>,
  config: TrainConfig,
  { classA, classB, imagesA, imagesB, step, totalSteps, seconds }: RunSummary,
): Promise<void> {
  const count = (value: number) => value.toLocaleString('en');
  const summary = htmlTable([
    ['Images', `${count(imagesA)} ${classA}, ${count(imagesB)} ${classB}`],
    ['Steps', `${count(step)} of ${count(totalSteps)}`],
    ['Training time', `${(seconds / 60).toFixed(1)} minutes`],
  ]);
  const sheets = (await readdir(files.samples)).filter((name) => name.endsWith('.png')).sort();
  const shown = [...new Set([sheets.at(-1), sheets[0]])].filter((name) => name !== undefined);
  const samples: Section[] = await Promise.all(
    shown.map(async (name, i) => ({
      title: i === 0 ? 'Samples' : 'The first samples',
      html: htmlImage(await readFile(join(files.samples, name)), `faces, translated and back, ${name}`),
    })),
  );
  const plot = await readFile(files.losses).catch(() => undefined);
  const losses: Section[] = plot ? [{ title: 'Losses', html: htmlImage(plot, 'losses over steps') }] : [];
  const options = htmlTable(
    Object.entries(config).map(([name, value]) => [
      name,
      value === null ? 'none' : Array.isArray(value) ? value.join(', ') : String(value),
    ]),
  );
  await writeAtomic(
    files.report,
    htmlPage(`${classA} to ${classB}`, [
      { title: 'Run', html: summary },
      ...samples,
      ...losses,
      { title: 'Options', html: options },
    ]),
  );
}
