import { count, counted } from '../base/text.js';
import { augment, type AugmentOptions, type AugmentResult } from '../augment/augment.js';
import { augmentDefaults, augmentOptions, augmentOptionsOf } from '../augment/options.js';
import { makeCommand, parseArguments } from './arguments.js';
import { interruptible, nothingWritten } from './interrupt.js';
import { optionFlags, settingsOf } from './option-flags.js';
import { progressBar, progressBars, say, type Progress } from './progress.js';
import { shownPath, skippedLines } from './text.js';

const description =
  'Makes faces of a rare class: translates faces of another class with a trained generator. The output folder holds ' +
  'the faces in a folder named like their class, manifest.csv (which face each was made from, and how) and ' +
  'contact-sheet.png.';

const examples = `
Sources are taken once each, then again mirrored and shifted by a few pixels; the manifest says how.
A generator made by training knows its data, its classes and its size.

Examples:
  npm run augment -- --onnx runs/latest/gen_ab.onnx --n 500
  npm run augment -- --onnx gen.onnx --n 500 --data fer2013.csv.gz --source Neutral --out more-disgust
  npm run augment -- --onnx gen.onnx --n 500 --format csv        rows of FER2013 in faces.csv
  npm run augment -- --onnx gen.onnx --n 20 --seed 2 --provider cpu
  npm run augment -- --onnx runs/latest/gen_ab.onnx --n 500 --select discriminator,density    the best 500 of 2,000`;

/**
 * `npm run augment`.
 * @param args the command line's
 * @throws UserError for what the user got wrong
 */
export async function augmentCommand(args: readonly string[]): Promise<void> {
  const command = makeCommand('augment', { description, examples }, optionFlags(augmentOptions, augmentDefaults));
  if (!parseArguments(command, args)) return;
  const options = augmentOptionsOf(settingsOf(augmentOptions, command.opts()));
  await interruptible(
    () => 'Stopping after this batch, and writing nothing.',
    async (signal) => {
      try {
        report(await generate(options, signal));
      } catch (error) {
        if (!signal.aborted) throw error;
        say(nothingWritten);
      }
    },
  );
}

/** Runs with a progress bar, and with one for each work of scoring. */
async function generate(options: AugmentOptions, signal: AbortSignal): Promise<AugmentResult> {
  let bar: Progress | undefined;
  const scoring = progressBars();
  try {
    return await augment({
      ...options,
      signal,
      onStart({ notes, skipped, faces }) {
        say(...skippedLines(skipped), ...notes);
        bar = progressBar('Generating', faces, 'faces');
        bar.update(0);
      },
      onProgress: (faces) => bar?.update(faces),
      onScoring(work, done, of) {
        bar?.stop();
        bar = undefined;
        scoring.update(work, done, of);
      },
    });
  } finally {
    bar?.stop();
    scoring.stop();
  }
}

function report({ out, className, count: made, equal, seconds }: AugmentResult): void {
  const rate = (made / seconds).toFixed(made / seconds < 10 ? 1 : 0);
  const distinct = equal === 0 ? 'all different' : `of which ${count(equal)} equal an earlier one`;
  process.stdout.write(
    `${counted(made, `${className} face`)} in ${shownPath(out)}` +
      `${made === 1 ? '' : `, ${distinct}`} (${rate} faces/s)\n`,
  );
}
