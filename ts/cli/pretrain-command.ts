import { Command, Option } from 'commander';
import { UserError } from '../base/errors.js';
import { flagOf } from '../base/options.js';
import { evaluatePretrained } from '../pretrain/evaluate.js';
import { pretrainDefaults, pretrainOptions, resolvePretrain, type PretrainConfig } from '../pretrain/options.js';
import { pretrain, type PretrainResult } from '../pretrain/pretrain.js';
import { parseArguments } from './arguments.js';
import { progressBar, type Progress } from './command.js';
import { optionFlags, settingsOf } from './option-flags.js';

const examples = `
Examples:
  npm run pretrain -- --data fer2013.csv.gz --ferplus ferplus.csv --epochs 4 --small-fraction 0.6
  npm run pretrain -- --width 0.125 --size 32 --small-fraction 0 --out small.safetensors   on synthetic faces
  npm run pretrain -- --evaluate faces-vgg19-w50.safetensors --data fer2013.csv.gz --ferplus ferplus.csv
  npm run train:native -- --features faces-vgg19-w50.safetensors                           use what it gave
Ctrl-C stops after the step at hand and writes what was learnt so far.
An option that may be left open takes the word none, e.g. --holdout none.`;

/** What --evaluate goes by; other options would change nothing. */
const evaluateOptions: readonly string[] = ['data', 'ferplus', 'skipBad', 'holdout', 'seed', 'engine'];

function makeCommand(): Command {
  const command = new Command('pretrain')
    .description('Trains a VGG19-shaped network to tell expressions: the feature network of perceptual losses.')
    .helpOption('-h, --help', 'show this help')
    .addOption(new Option('--evaluate <file>', 'train nothing: measure this file on the images held out'))
    .addHelpText('after', examples);
  for (const option of optionFlags(pretrainOptions, pretrainDefaults)) command.addOption(option);
  return command;
}

/** `npm run pretrain`. @throws UserError on one line */
export async function pretrainCommand(args: readonly string[]): Promise<void> {
  const command = makeCommand();
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

const count = (value: number): string => value.toLocaleString('en');

/** Writes over the line that shows progress. */
function sayOver(text: string): void {
  process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${text}` : text);
}

function showReading(rows: number): void {
  if (process.stderr.isTTY) sayOver(`Reading faces: ${count(rows)}`);
}

const shownSkips = 5;

function skippedLines(skipped: readonly string[]): string {
  if (skipped.length === 0) return '';
  const rest = skipped.length - shownSkips;
  const shown = skipped.slice(0, shownSkips).map((line) => `  ${line}\n`);
  return `Skipped ${count(skipped.length)}:\n${shown.join('')}${rest > 0 ? `  and ${count(rest)} more\n` : ''}`;
}

async function measure(weights: string, config: PretrainConfig): Promise<void> {
  let bar: Progress | undefined;
  try {
    const { accuracy, skipped } = await evaluatePretrained(
      { ...config, weights },
      {
        onReading: showReading,
        onScoring(images, of) {
          if (!bar) {
            sayOver('');
            bar = progressBar('Measuring', of, 'images');
          }
          bar.update(images);
        },
      },
    );
    bar?.stop();
    sayOver(skippedLines(skipped));
    process.stdout.write(`${accuracy}\n`);
  } finally {
    bar?.stop();
  }
}

/** Trains with a progress bar; Ctrl-C ends it in good order, a second one at once. */
async function train(config: PretrainConfig): Promise<PretrainResult | undefined> {
  const controller = new AbortController();
  const onSignal = () => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
    sayOver('Stopping after this step, and writing what was learnt. Once more to stop at once.\n');
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  let bar: Progress | undefined;
  let scoring = false;
  let mean: number | undefined;
  try {
    return await pretrain(config, {
      signal: controller.signal,
      onReading: showReading,
      onStart({ images, heldOut, steps, weights, skipped }) {
        sayOver(skippedLines(skipped));
        sayOver(
          `${count(images)} images, ${count(heldOut)} held out; ${count(weights)} weights; ${count(steps)} steps\n`,
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
    });
  } finally {
    bar?.stop();
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    // As shells report a process ended by Ctrl-C.
    if (controller.signal.aborted) process.exitCode = 130;
  }
}

function report(result: PretrainResult | undefined): void {
  if (!result) {
    process.stdout.write('Stopped before the first step; nothing was written.\n');
    return;
  }
  const { file, card, stepsDone, steps, accuracy } = result;
  process.stdout.write(
    `${stepsDone === steps ? 'Finished' : `Stopped after ${stepsDone} of ${steps} steps`}: ${accuracy}\n` +
      `${file}, ${card}\n` +
      `Next: npm run train:native -- --features ${file}\n`,
  );
}
