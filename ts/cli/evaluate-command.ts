import { count } from '../base/text.js';
import { evaluate, type Evaluation, type EvaluateResult, type Stopped } from '../evaluate/evaluate.js';
import { describeFigure } from '../evaluate/figures.js';
import {
  evaluateDefaults,
  evaluateOptionGroups,
  evaluateOptions,
  resolveEvaluate,
  type EvaluateConfig,
} from '../evaluate/options.js';
import { tableFigures } from '../evaluate/report.js';
import { figureIn } from '../evaluate/summary.js';
import { howToRead } from '../evaluate/verdict.js';
import { makeCommand, parseArguments } from './arguments.js';
import { interruptible } from './interrupt.js';
import { optionFlags, settingsOf } from './option-flags.js';
import { progressBar, say, showReading, type Progress } from './progress.js';
import { alignedColumns, shownPath, skippedLines } from './text.js';

const description =
  'Does a classifier get better? Fits it with and without each treatment of its training, on the same folds of a ' +
  'repeated stratified k-fold cross-validation, and tests the differences. Equal images never part, and generated ' +
  'faces are made from training images alone.';

const examples = `
Ctrl-C stops the fit at hand. The same command goes on where it stopped; finished fits are kept in --out.

Examples:
  npm run evaluate -- --folds 3 --repeats 1                                 the built-in faces, a few minutes
  npm run evaluate -- --data fer2013.csv.gz --onnx gen.onnx --n 100         3 x 10 folds of six arms: hours
  npm run evaluate -- --data fer2013.csv.gz --arms baseline --out baseline  the baseline alone
  npm run evaluate -- --data fer2013.csv.gz --faces more-disgust --arms generated
  npm run evaluate -- --data fer2013.csv.gz --onnx gen.onnx --strict        trains the generator 30 times
  npm run evaluate -- --data my-faces --class disgust --holdout 0 --arms oversampling,flips-and-shifts+class-weights`;

/** `npm run evaluate`. @throws UserError on one line */
export async function evaluateCommand(args: readonly string[]): Promise<void> {
  const options = Object.entries(evaluateOptionGroups).flatMap(([group, members]) =>
    optionFlags(members, evaluateDefaults, group),
  );
  const command = makeCommand('evaluate', { description, examples }, options);
  if (!parseArguments(command, args)) return;
  const config = resolveEvaluate(settingsOf(evaluateOptions, command.opts()));
  report(await run(config), config);
}

/** Evaluates with a progress bar over all fits. */
async function run(config: EvaluateConfig): Promise<EvaluateResult | Stopped> {
  let bar: Progress | undefined;
  try {
    return await interruptible(
      () => 'Stopping this fit; those that are finished stay.',
      (signal) =>
        evaluate(config, {
          signal,
          onReading: showReading,
          onEngine: say,
          onStart({ images, classNames, holdout, arms, fits, notes, skipped }) {
            const held = holdout > 0 ? `, ${count(holdout)} of each held out` : '';
            say(
              ...skippedLines(skipped),
              `${count(images)} faces of ${classNames.length} classes${held}; ${count(fits)} fits of ${arms.join(', ')}`,
              ...notes,
            );
            bar = progressBar('Evaluating', fits, 'fits');
          },
          onProgress: (done, fraction, doing) => bar?.update(Math.round(100 * (done + fraction)) / 100, doing),
          onBest: (name) => say(`Best classical treatment: ${name}.`),
        }),
    );
  } finally {
    bar?.stop();
  }
}

function report(result: EvaluateResult | Stopped, { out }: EvaluateConfig): void {
  if ('stopped' in result) {
    const { done, fits } = result.stopped;
    say(`Stopped: ${count(done)} of ${count(fits)} fits are in ${shownPath(out)}. The same command goes on with them.`);
    return;
  }
  const { evaluation, files } = result;
  const lines = [
    ...table(evaluation),
    '',
    ...evaluation.verdicts,
    ...(evaluation.verdicts.length > 0 ? [howToRead] : []),
    ...evaluation.notes,
    `${shownPath(files.html)}, ${shownPath(files.json)}`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** Arms by figures: the mean over all fits, and half of its 95 % interval. */
function table({ arms, target }: Evaluation): string[] {
  const figures = tableFigures(target);
  return alignedColumns([
    ['', ...figures.map(describeFigure)],
    ...arms.map(({ name, figures: own }) => [
      name,
      ...figures.map((figure) => {
        const { mean, high } = figureIn(own, figure);
        return `${mean.toFixed(3)} ± ${(high - mean).toFixed(3)}`;
      }),
    ]),
  ]);
}
