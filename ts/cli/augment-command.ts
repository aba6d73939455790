import { Command, Option } from 'commander';
import { augment, formats, type AugmentOptions, type AugmentResult } from '../augment/augment.js';
import { providers } from '../onnx/session.js';
import { parseArguments } from './arguments.js';
import { interruptible, nothingWritten } from './interrupt.js';
import { progressBar, say, type Progress } from './progress.js';
import { count, shownPath, skippedLines } from './text.js';

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
  npm run augment -- --onnx gen.onnx --n 20 --seed 2 --provider cpu`;

/** What is no number stays as it was typed: the error shows it. */
const number = (text: string): number | string =>
  text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text);

function makeCommand(): Command {
  const numeric = (flags: string, help: string) => new Option(flags, help).argParser(number);
  return new Command('augment')
    .description(description)
    .helpOption('-h, --help', 'show this help')
    .addOption(new Option('--onnx <file>', 'generator, e.g. gen_ab.onnx of a run').makeOptionMandatory())
    .addOption(numeric('--n <number>', 'faces to make').makeOptionMandatory())
    .option('--data <data>', 'csv or csv.gz of FER2013, folder of class folders, or "synthetic" (default: as trained)')
    .option('--source <class>', 'class of the faces to translate (default: as trained)')
    .option('--class <class>', 'class of the faces made (default: as trained)')
    .option('--out <folder>', 'output folder (default: augmented/<time>-<class>)')
    .addOption(new Option('--format <format>', 'image files, or rows of FER2013').choices(formats).default('png'))
    .addOption(numeric('--seed <number>', 'which faces are translated; the same seed, the same faces').default(1))
    .addOption(numeric('--batch-size <number>', 'faces translated at once').default(16))
    .addOption(numeric('--threads <number>', 'threads on the CPU (default: one per core)'))
    .addOption(
      new Option('--provider <provider>', 'where the generator runs; auto: a GPU if it can')
        .choices(providers)
        .default('auto'),
    )
    .option('--skip-bad', 'skip and count bad rows and files of the data instead of stopping at them')
    .option('--force', 'replace an earlier output folder')
    .addHelpText('after', examples);
}

/**
 * `npm run augment`.
 * @param args the command line's
 * @throws UserError for what the user got wrong
 */
export async function augmentCommand(args: readonly string[]): Promise<void> {
  const command = makeCommand();
  if (!parseArguments(command, args)) return;
  const { class: className, ...options } = command.opts<AugmentOptions & { class?: string }>();
  await interruptible(
    () => 'Stopping after this batch, and writing nothing.',
    async (signal) => {
      try {
        report(await generate({ ...options, ...(className !== undefined && { className }) }, signal));
      } catch (error) {
        if (!signal.aborted) throw error;
        say(nothingWritten);
      }
    },
  );
}

/** Runs with a progress bar. */
async function generate(options: AugmentOptions, signal: AbortSignal): Promise<AugmentResult> {
  let bar: Progress | undefined;
  try {
    return await augment({
      ...options,
      signal,
      onStart({ notes, skipped }) {
        say(...skippedLines(skipped), ...notes);
        bar = progressBar('Generating', options.n, 'faces');
        bar.update(0);
      },
      onProgress: (faces) => bar?.update(faces),
    });
  } finally {
    bar?.stop();
  }
}

function report({ out, className, count: made, equal, seconds }: AugmentResult): void {
  const rate = (made / seconds).toFixed(made / seconds < 10 ? 1 : 0);
  const distinct = equal === 0 ? 'all different' : `of which ${count(equal)} equal an earlier one`;
  process.stdout.write(
    `${count(made)} ${className} ${made === 1 ? 'face' : 'faces'} in ${shownPath(out)}` +
      `${made === 1 ? '' : `, ${distinct}`} (${rate} faces/s)\n`,
  );
}
