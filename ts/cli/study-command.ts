import { count, counted } from '../base/text.js';
import { resolveStudy, studyDefaults, studyOptions, type StudyConfig } from '../study/config.js';
import { estimateStudy, type TimeEstimate } from '../study/estimate.js';
import { headlineOf } from '../study/headline.js';
import { cellsIn } from '../study/matrix.js';
import { planStudy } from '../study/plan.js';
import { runStudy, storeOf, type StudyOutcome, type StudyStopped } from '../study/study.js';
import { makeCommand, parseArguments } from './arguments.js';
import { interruptible } from './interrupt.js';
import { optionFlags, settingsOf } from './option-flags.js';
import { once, progressBar, say, showReading, type Progress } from './progress.js';
import { alignedColumns, shownPath, skippedLines } from './text.js';

const description =
  'Does a whole study: filters the data, trains generators, adds their faces, and compares classifiers by ' +
  'repeated cross-validation. Writes report.html, table.csv and study.json. What is finished is kept: stopped or ' +
  'killed at any time, the same command goes on from it.';

const examples = `
Cells are named <filter>/<class made>/<arm>; --plan lists them.

Examples:
  npm run study -- --config studies/quick.json
  npm run study -- --config studies/write-up.json --data fer2013.csv.gz --plan
  npm run study -- --config studies/write-up.json --data fer2013.csv.gz --only 'Disgust/cyclegan*+100' --repeats 1
  npm run study -- --config studies/write-up.json --out /shared/study --queue redis://server:6379
and on any machine that has the folder, once or more:
  npm run worker -- --queue redis://server:6379 --store /shared/study`;

/**
 * `npm run study`.
 * @param args the command line's
 * @throws UserError for what the user got wrong
 */
export async function studyCommand(args: readonly string[]): Promise<void> {
  const command = makeCommand('study', { description, examples }, optionFlags(studyOptions, studyDefaults));
  if (!parseArguments(command, args)) return;
  const config = resolveStudy(settingsOf(studyOptions, command.opts()));
  if (config.plan) await showPlan(config);
  else report(await run(config), config);
}

async function showPlan(config: StudyConfig): Promise<void> {
  const plan = await planStudy(config, { onReading: showReading, onEngine: say });
  say(...skippedLines(plan.faces.skipped));
  const estimates = await estimateStudy(plan, await storeOf(plan.out), (what) =>
    say(`Timing some steps of ${what} ...`),
  );
  const cells = cellsIn(plan);
  const rows = estimates.map(({ kind, tasks, done, seconds }) => [
    names[kind],
    count(tasks),
    count(done),
    seconds === undefined ? 'not measured' : duration(seconds),
  ]);
  const left = estimates.reduce((sum, { seconds = 0 }) => sum + seconds, 0);
  const open = estimates.filter(({ seconds }) => seconds === undefined).map(({ kind }) => names[kind]);
  const lines = [
    `${counted(cells.length, 'cell')}:`,
    ...cells.map((cell) => `  ${cell}`),
    '',
    ...alignedColumns([['', 'tasks', 'done', 'time left'], ...rows]),
    '',
    `About ${duration(left)} left on this machine${open.length > 0 ? `, and ${open.join(', ')}` : ''}. Nothing was done.`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

const names: Readonly<Record<TimeEstimate['kind'], string>> = {
  data: 'reading and filtering',
  subset: 'training images',
  train: 'training generators',
  generate: 'making faces',
  quality: 'measuring faces',
  best: 'choosing the best',
  fit: 'fitting classifiers',
};

/** "40 s", "12 min", "3.5 h", "4.2 days" */
function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${(seconds / 3600).toFixed(1)} h` : `${(seconds / 86_400).toFixed(1)} days`;
}

/** Runs with a progress bar over all tasks. */
async function run(config: StudyConfig): Promise<StudyOutcome | StudyStopped> {
  let bar: Progress | undefined;
  let done = 0;
  const parts = new Map<string, number>();
  const update = (note: string) => {
    const running = [...parts.values()].reduce((a, b) => a + b, 0);
    bar?.update(Math.round(100 * (done + running)) / 100, note);
  };
  const stopping =
    config.queue === null
      ? 'Stopping the tasks at hand; what is finished stays, and training goes on from its checkpoint.'
      : 'Stopping; workers go on with what is on the queue.';
  try {
    return await interruptible(
      () => stopping,
      (signal) =>
        runStudy(config, {
          signal,
          onReading: showReading,
          onEngine: say,
          onStart(start) {
            const known = start.done > 0 ? `, ${count(start.done)} of them done` : '';
            say(
              ...skippedLines(start.skipped),
              `${counted(start.cells, 'cell')}, ${counted(start.tasks, 'task')}${known}, in ${shownPath(start.out)}`,
            );
            done = start.done;
            bar = progressBar('Study', start.tasks, 'tasks');
            update('');
          },
          onTask: ({ label }) => update(label),
          onProgress({ id, label }, fraction, doing) {
            parts.set(id, fraction);
            update(`${label}: ${doing}`);
          },
          onDone({ id, label }) {
            done++;
            parts.delete(id);
            update(label);
          },
          onFailed: (why) => say(`Failed: ${why}`),
          onTrouble: once((message) => say(`queue: ${message}`)),
        }),
    );
  } finally {
    bar?.stop();
  }
}

function report(outcome: StudyOutcome | StudyStopped, { config }: StudyConfig): void {
  if ('stopped' in outcome) {
    const { done, tasks, out } = outcome.stopped;
    say(
      `Stopped: ${count(done)} of ${count(tasks)} tasks are in ${shownPath(out)}. The same command goes on with them.`,
    );
    return;
  }
  const { result, part, files } = outcome;
  const lines = [
    ...result.groups.map(headlineOf),
    ...result.missing.map(({ cell, why }) => `Without figures: ${cell} (${why.split('\n')[0]!})`),
    ...(part === undefined ? [] : [part]),
    [files.page, files.table, files.json].map(shownPath).join(', '),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  if (result.missing.length > 0) {
    say(`Without figures: ${counted(result.missing.length, 'cell')} of ${config}. The same command tries again.`);
    process.exitCode = 1;
  }
}
