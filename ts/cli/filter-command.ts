import { Option } from 'commander';
import { count, counted } from '../base/text.js';
import { filterFaces, type FilterResult } from '../filter/filter.js';
import {
  criterionOptions,
  filterDefaults,
  filterOptions,
  filterPresets,
  resolveFilter,
  type FilterConfig,
  type FilterPreset,
} from '../filter/options.js';
import { worstPairs } from '../filter/summary.js';
import { makeCommand, parseArguments } from './arguments.js';
import { interruptible, nothingWritten } from './interrupt.js';
import { optionFlags, settingsOf } from './option-flags.js';
import { progressBars, say, showReading } from './progress.js';
import { alignedColumns, shownPath, skippedLines } from './text.js';

const description =
  'Drops faces that are mislabelled, ambiguous or unlike the others. The output folder holds the faces that are left ' +
  '(as the data came: the rows of a csv, or a list of files), scores.csv, contact-sheet.png (what was kept and ' +
  'dropped of each class) and summary.json.';

const examples = `
Presets:
  write-up   the write-up's size: of FER2013's 35,887 faces it leaves 28,941 (Disgust 421, Happy 7,967), by
             confidence; of other data the same part of each class

Examples:
  npm run filter -- --data fer2013.csv.gz --preset write-up
  npm run filter -- --data fer2013.csv.gz --ferplus ferplus.csv --agreement-min 0.5 --preview
  npm run filter -- --data my-faces --label-noise both --likelihood-keep 0.98
  npm run filter -- --data fer2013.csv.gz --confidence-keep Disgust=400,0.8 --probabilities filtered/a/scores.csv
Then:
  npm run train:native -- --data filtered/<time>/faces.csv.gz --from Neutral --to Disgust`;

function filterFlags(): Option[] {
  const isCriterion = ([name]: [string, unknown]) => Object.hasOwn(criterionOptions, name);
  const entries = Object.entries(filterOptions);
  const others = Object.fromEntries(entries.filter((entry) => !isCriterion(entry)));
  return [
    new Option('--preset <name>', 'filters by name; see below').choices(Object.keys(filterPresets)),
    ...optionFlags(criterionOptions, filterDefaults, 'Filters'),
    ...optionFlags(others, filterDefaults),
  ];
}

/**
 * `npm run filter`.
 * @param args the command line's
 * @throws UserError for what the user got wrong
 */
export async function filterCommand(args: readonly string[]): Promise<void> {
  const command = makeCommand('filter', { description, examples }, filterFlags());
  if (!parseArguments(command, args)) return;
  const { preset, ...settings } = command.opts<{ preset?: FilterPreset }>();
  const config = resolveFilter(settingsOf(filterOptions, settings), preset);
  await interruptible(
    () => 'Stopping after this batch, and writing nothing.',
    async (signal) => {
      try {
        report(await run(config, signal), config);
      } catch (error) {
        if (!signal.aborted) throw error;
        say(nothingWritten);
      }
    },
  );
}

/** Runs with a progress bar for each work. */
async function run(config: FilterConfig, signal: AbortSignal): Promise<FilterResult> {
  const bars = progressBars();
  try {
    return await filterFaces(config, {
      signal,
      onEngine: say,
      onReading: showReading,
      onStart: ({ faces, skipped }) => say(...skippedLines(skipped), counted(faces, 'face')),
      onProgress: bars.update,
    });
  } finally {
    bars.stop();
  }
}

function report({ out, classes, scores, noise, written }: FilterResult, config: FilterConfig): void {
  const folder = shownPath(out);
  const names = Object.keys(classes[0]!.droppedBy) as (keyof (typeof classes)[0]['droppedBy'])[];
  const sum = (of: (row: (typeof classes)[0]) => number) => classes.reduce((total, row) => total + of(row), 0);
  const rowOf = (name: string, pick: (of: (row: (typeof classes)[0]) => number) => number) => [
    name,
    ...[pick((row) => row.before), pick((row) => row.kept), pick((row) => row.before - row.kept)].map(count),
    ...(names.length > 1 ? names.map((by) => count(pick((row) => row.droppedBy[by] ?? 0))) : []),
  ];
  const table = [
    ['class', 'before', 'kept', 'dropped', ...(names.length > 1 ? names.map((name) => `by ${name}`) : [])],
    ...classes.map((row) => rowOf(row.className, (of) => of(row))),
    rowOf('all', sum),
  ];
  const quantiles = Object.entries(scores).map(
    ([name, { lowest, q01, q05, q25, median, highest }]) =>
      `${name}: lowest ${short(lowest)}, 1 % ${short(q01)}, 5 % ${short(q05)}, 25 % ${short(q25)}, ` +
      `median ${short(median)}, highest ${short(highest)}`,
  );
  const lines = [
    ...alignedColumns(table),
    ...quantiles,
    ...(noise ? [`label noise, as far as the classifier can tell: ${noiseText(noise, classes)}`] : []),
    ...(written ? [] : ['A preview: no data was written.']),
    `In ${folder}: ${[written?.data, written?.ferplus, 'scores.csv, contact-sheet.png, summary.json'].filter(Boolean).join(', ')}`,
  ];
  if (written) {
    const votes = written.ferplus === undefined ? '' : ` --ferplus ${folder}/${written.ferplus}`;
    lines.push(`Next: npm run train:native -- --data ${folder}/${written.data}${votes}`);
  } else if (names.some((name) => name === 'confidence' || name === 'label-noise') && config.probabilities === null) {
    lines.push(`To try other thresholds at once: --probabilities ${folder}/scores.csv`);
  }
  process.stdout.write(`${lines.join('\n')}\n`);
}

function noiseText(noise: NonNullable<FilterResult['noise']>, classes: FilterResult['classes']): string {
  const wrong = noise.joint.flatMap((row, i) => row.filter((_, j) => i !== j)).reduce((a, b) => a + b, 0);
  const total = noise.joint.flat().reduce((a, b) => a + b, 0);
  const names = classes.map(({ className }) => className);
  return [`${((100 * wrong) / total).toFixed(1)} % of the labels`, ...worstPairs(noise, names, 3)].join('; ');
}

const short = (value: number): string => String(Number(value.toPrecision(3)));
