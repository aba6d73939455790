import { count } from '../base/text.js';
import type { CopyFigures } from '../quality/copies.js';
import { qualityDefaults, qualityOptions, resolveQuality, type QualityConfig } from '../quality/options.js';
import { measureQuality, type ClassQuality, type QualityResult } from '../quality/quality.js';
import type { SetFigures } from '../quality/sets.js';
import { makeCommand, parseArguments } from './arguments.js';
import { interruptible } from './interrupt.js';
import { optionFlags, settingsOf } from './option-flags.js';
import { progressBars, say, showReading } from './progress.js';
import { alignedColumns } from './text.js';

const description =
  'Measures generated faces beside real ones: how near both sets are (Frechet and kernel distance: FID and KID, on an ' +
  'embedding that is named; precision, recall, density, coverage), whether the expression is reached and the face ' +
  'kept, and whether they are copies of real faces.';

const examples = `
Generators whose perceptual loss compared features of the network of the embedding look better on it than on
another: compare them with others on an embedding that had no part in their training (--embedding).

Examples:
  npm run quality -- --generated augmented/20260131-235959-disgust --real fer2013.csv.gz
  npm run quality -- --generated more-disgust --real my-faces --no-classifiers --out quality.json
  npm run quality -- --generated more-disgust --real fer2013.csv.gz --embedding googlenet.onnx \\
    --embedding-output pool5 --embedding-input caffe`;

/**
 * `npm run quality`.
 * @param args the command line's
 * @throws UserError for what the user got wrong
 */
export async function qualityCommand(args: readonly string[]): Promise<void> {
  const command = makeCommand('quality', { description, examples }, optionFlags(qualityOptions, qualityDefaults));
  if (!parseArguments(command, args)) return;
  const config = resolveQuality(settingsOf(qualityOptions, command.opts()));
  await interruptible(
    () => undefined,
    () => run(config),
  );
}

/** Runs with a progress bar for each work. */
async function run(config: QualityConfig): Promise<void> {
  const bars = progressBars();
  try {
    await measureQuality(config, {
      onEngine: say,
      onReading: showReading,
      onStart: (notes) => say(...notes),
      onProgress: bars.update,
      onMeasured(result) {
        bars.stop();
        process.stdout.write(`${report(result).join('\n')}\n`);
      },
    });
  } finally {
    bars.stop();
  }
}

function report({ embedding, classes }: QualityResult): string[] {
  return [`Embedding: ${embedding}`, ...classes.flatMap(classLines)];
}

function classLines(figures: ClassQuality): string[] {
  const { className, made, real, vectors, reference, sets, identity, copies, expression } = figures;
  const columns: [string, SetFigures][] = [
    ['generated', sets.made],
    ...(sets.sources ? [['sources as they are', sets.sources] as [string, SetFigures]] : []),
    ['real', sets.real],
  ];
  const row = (name: string, of: (set: SetFigures) => string) => [name, ...columns.map(([, set]) => of(set))];
  const lines = [
    '',
    `${className}: ${count(made)} generated, ${count(real)} real; ${count(vectors)} of each beside ${count(reference)} real ones:`,
    ...alignedColumns([
      ['', ...columns.map(([name]) => name)],
      row('Frechet distance', ({ frechet }) => short(frechet)),
      row('kernel distance', ({ kernel }) => `${short(kernel.value)} +- ${short(kernel.deviation)}`),
      row('precision', ({ precision }) => short(precision)),
      row('recall', ({ recall }) => short(recall)),
      row('density', ({ density }) => short(density)),
      row('coverage', ({ coverage }) => short(coverage)),
    ]),
  ];
  if (expression) {
    const { made: judged, sources, real: judgedReal, trainedOnReal, trainedOnMade } = expression;
    const judgement = ({ probability, called }: typeof judged) =>
      `${short(probability)} (${percent(called)} called so)`;
    lines.push(
      `${className} by classifiers that saw none of them: generated ${judgement(judged)}` +
        `${sources ? `, sources as they are ${judgement(sources)}` : ''}, real ${judgement(judgedReal)}`,
      `A classifier on held-out real faces, ${className}: trained on real ones precision ${short(trainedOnReal.precision)}, ` +
        `recall ${short(trainedOnReal.recall)}; with the generated in their place ${short(trainedOnMade.precision)}, ` +
        short(trainedOnMade.recall),
    );
  }
  if (identity)
    lines.push(
      `Kept: cosine ${short(identity.kept)} to the own source (a tenth below ${short(identity.lowest10)}), ` +
        `${short(identity.ofOthers)} to others'`,
    );
  return [
    ...lines,
    `Copies by pixels: ${copyText(copies.pixels)}`,
    `Copies by embedding: ${copyText(copies.embedding)}`,
  ];
}

function copyText({ median, medianOfReal, nearCopies, ofSource }: CopyFigures): string {
  const own = ofSource === undefined ? '' : `, ${percent(ofSource)} of them of their own source`;
  return (
    `${percent(nearCopies)} are nearer to a real face than 99 % of real faces are to another${own}; ` +
    `median distance ${short(median)}, of real faces ${short(medianOfReal)}`
  );
}

const percent = (part: number): string => `${(100 * part).toFixed(1)} %`;
const short = (value: number): string => String(Number(value.toPrecision(3)));
