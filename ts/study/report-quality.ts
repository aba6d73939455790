import { htmlGrid, htmlText, type Section } from '../report/html.js';
import type { QualityResult } from '../quality/quality.js';

/**
 * Figures on how good generated faces are, a row for each set.
 * @param flattered generators that were trained by features of the network that the embedding is of
 */
export function qualitySection(
  measured: readonly { readonly name: string; readonly quality: QualityResult }[],
  flattered: readonly string[],
): Section[] {
  if (measured.length === 0) return [];
  const rows = measured.flatMap(({ name, quality: { classes } }) =>
    classes.map(({ sets: { made }, identity, copies, expression }) => [
      name,
      ...[made.frechet, made.kernel.value, made.precision, made.recall, made.density, made.coverage].map(short),
      identity ? short(identity.kept) : '',
      expression ? short(expression.made.probability) : '',
      expression ? `${short(expression.trainedOnMade.precision)}, ${short(expression.trainedOnMade.recall)}` : '',
      percent(copies.pixels.nearCopies),
    ]),
  );
  const real = measured[0]!.quality.classes.map(({ sets: { real: set }, expression }) => [
    'real faces',
    ...[set.frechet, set.kernel.value, set.precision, set.recall, set.density, set.coverage].map(short),
    '',
    expression ? short(expression.real.probability) : '',
    expression ? `${short(expression.trainedOnReal.precision)}, ${short(expression.trainedOnReal.recall)}` : '',
    '',
  ]);
  const head = [
    ...['', 'FID', 'KID', 'precision', 'recall', 'density', 'coverage', 'identity kept', 'expression reached'],
    ...['trained on them', 'near copies'],
  ];
  const explained =
    `Embedding: ${measured[0]!.quality.embedding}. Identity kept: cosine to the embedding of the own source. Expression ` +
    'reached: probability of the class by classifiers that saw neither. Trained on them: precision and recall of the ' +
    'class on real faces, of a classifier that had these in place of real ones. Near copies: nearer to a real face than ' +
    '99 % of real faces are to another, by pixels.' +
    (flattered.length > 0
      ? ` The perceptual loss of ${flattered.join(', ')} compares features of the same network, so figures on its embedding ` +
        'flatter them beside other generators: another embedding (an ONNX network) would not.'
      : '');
  return [{ title: 'quality of the faces', html: htmlGrid(head, [...real, ...rows]) + htmlText([explained]) }];
}

const short = (value: number): string => String(Number(value.toPrecision(3)));
const percent = (part: number): string => `${(100 * part).toFixed(1)} %`;
