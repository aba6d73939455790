import { Option } from 'commander';
import { UserError } from '../base/errors.js';
import { flagOf } from '../base/options.js';
import { count, counted } from '../base/text.js';
import { evaluatePretrained } from '../pretrain/evaluate.js';
import { pretrainDefaults, pretrainOptions, resolvePretrain, type PretrainConfig } from '../pretrain/options.js';
import { pretrain, type PretrainResult } from '../pretrain/pretrain.js';
import { makeCommand, parseArguments } from './arguments.js';
import { interruptible, nothingWritten } from './interrupt.js';
import { optionFlags, settingsOf } from './option-flags.js';
import { progressBar, say, showReading, type Progress } from './progress.js';
import { shownPath, skippedLines } from './text.js';

const examples = `
Examples:
  npm run pretrain -- --data fer2013.csv.gz --ferplus ferplus.csv --epochs 4 --small-fraction 0.6
  npm run pretrain -- --width 0.125 --size 32 --small-fraction 0 --out small.safetensors   on synthetic faces
  npm run pretrain -- --evaluate faces-vgg19-w50.safetensors --data fer2013.csv.gz --ferplus ferplus.csv
  npm run train:native -- --preset paper-ecyclegan --features faces-vgg19-w50.safetensors    use what it gave
Ctrl-C stops after the step at hand and writes what was learnt so far.
An option that may be left open takes the word none, e.g. --holdout none.`;

/** What --evaluate goes by; other options would change nothing. */
const evaluateOptions: readonly string[] = ['data', 'ferplus', 'skipBad', 'holdout', 'seed', 'engine'];

/** `npm run pretrain`. @throws UserError on one line */
export async function pretrainCommand(args: readonly string[]): Promise<void> {
  const command = makeCommand(
    'pretrain',
    {
      description: 'Trains a VGG19-shaped network to tell expressions: the feature network of perceptual losses.',
      examples,
    },
    [
      new Option('--evaluate <file>', 'train nothing: measure this file on the images held out'),
      ...optionFlags(pretrainOptions, pretrainDefaults),
    ],
  );
  if (!parseArguments(command, args)) return;
  const { evaluate, ...settings } = command.opts<{ evaluate?: string }>();
  const config = resolvePretrain(settingsOf(pretrainOptions, settings));
  if (evaluate === undefined) {
    report(await train(config));
    return;
  }
  for (const name of Object.keys(settings))
    if (!evaluateOptions.includes(name))
      throw new UserError(`${flagOf(name)} changes nothing where a file is measured (--evaluate): leave it out.`);
  await measure(evaluate, config);
}

async function measure(weights: string, config: PretrainConfig): Promise<void> {
  let bar: Progress | undefined;
  try {
    const { accuracy, skipped } = await interruptible(
      () => undefined,
      () =>
        evaluatePretrained(
          { ...config, weights },
          {
            onEngine: say,
            onReading: showReading,
            onScoring(images, of) {
              bar ??= progressBar('Measuring', of, 'images');
              bar.update(images);
            },
          },
        ),
    );
    bar?.stop();
    say(...skippedLines(skipped));
    process.stdout.write(`${accuracy}\n`);
  } finally {
    bar?.stop();
  }
}

/** Trains with a progress bar; Ctrl-C ends it in good order, a second one at once. */
async function train(config: PretrainConfig): Promise<PretrainResult | undefined> {
  let bar: Progress | undefined;
  let scoring = false;
  let mean: number | undefined;
  try {
    // Before the first step nothing was learnt.
    return await interruptible(
      () => bar && 'Stopping after this step, and writing what was learnt.',
      (signal) =>
        pretrain(config, {
          signal,
          onEngine: say,
          onReading: showReading,
          onStart({ images, heldOut, steps, weights, skipped }) {
            say(
              ...skippedLines(skipped),
              `${counted(images, 'image')}, ${count(heldOut)} held out; ${count(weights)} weights; ${counted(steps, 'step')}`,
            );
            bar = progressBar('Training', steps, 'steps');
          },
          onStep(step, loss) {
            mean = mean === undefined ? loss : 0.95 * mean + 0.05 * loss;
            bar?.update(step, `loss ${mean.toFixed(3)}`);
          },
          onScoring(images, of) {
            if (!scoring) {
              bar?.stop();
              bar = progressBar('Measuring', of, 'images');
              scoring = true;
            }
            bar?.update(images);
          },
        }),
    );
  } finally {
    bar?.stop();
  }
}

function report(result: PretrainResult | undefined): void {
  if (!result) {
    say(nothingWritten);
    return;
  }
  const { file, card, stepsDone, steps, accuracy } = result;
  process.stdout.write(
    `${stepsDone === steps ? 'Finished' : 'Stopped'} at step ${count(stepsDone)} of ${count(steps)}: ${accuracy}\n` +
      `${shownPath(file)}, ${shownPath(card)}\n` +
      `Next: npm run train:native -- --preset paper-ecyclegan --features ${shownPath(file)}\n`,
  );
}
