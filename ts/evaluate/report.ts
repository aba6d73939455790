import { htmlGrid, htmlSvg, htmlTable, htmlText, type Section } from '../report/html.js';
import { intervalChartSvg } from '../report/interval-chart.js';
import type { Evaluation } from './evaluate.js';
import { describeFigure, meanOf, type FigureName } from './figures.js';
import type { Measure } from './metrics.js';
import { figureIn, type ArmSummary, type Summary } from './summary.js';
import { describeDifference, findingOf, howToRead, shortP } from './verdict.js';

/** The figures that tables of arms show. */
export function tableFigures(target: string): FigureName[] {
  return [
    { measure: 'precision', of: target },
    { measure: 'recall', of: target },
    { measure: 'f1', of: target },
    { measure: 'auc', of: target },
    { measure: 'precision', of: meanOf },
    { measure: 'f1', of: meanOf },
    { measure: 'auc', of: meanOf },
    { measure: 'accuracy', of: null },
  ];
}

/** An evaluation as parts of a page. */
export const evaluationSections = (evaluation: Evaluation): Section[] => [
  ...summarySections(evaluation),
  { title: 'Options', html: options(evaluation) },
];

/** What a page says of a summary. */
export interface Found extends Summary {
  readonly notes: readonly string[];
  readonly verdicts: readonly string[];
}

/**
 * A summary as parts of a page.
 * @param shown names of the arms that charts and confusion matrices are of; left out: all
 */
export function summarySections(found: Found, shown?: readonly string[]): Section[] {
  const { arms, target, classNames, folds, repeats, notes, heldOut, verdicts, comparisons } = found;
  const drawn = arms.filter(({ name }) => shown?.includes(name) ?? true);
  const figures = tableFigures(target);
  const head = ['', ...figures.map(describeFigure)];
  const row = ({ name, figures: own }: ArmSummary) => [
    name,
    ...figures.map((figure) => {
      const { mean, low, high } = figureIn(own, figure);
      return `${mean.toFixed(3)}\n[${low.toFixed(3)}, ${high.toFixed(3)}]`;
    }),
  ];
  const tested = arms.flatMap((arm) => (arm.holdout ? [{ ...arm, holdout: arm.holdout }] : []));
  const chart = (measure: Measure, xName: string) =>
    htmlSvg(
      intervalChartSvg({
        title: `${xName}, with 95 % intervals`,
        xName,
        groups: [...classNames, meanOf].map((of) => ({
          name: of,
          values: drawn.map(({ name, figures: own }) => {
            const { mean: value, low, high } = figureIn(own, { measure, of });
            return { name, value, low, high };
          }),
        })),
      }),
    );
  const words = [...verdicts, ...(arms.length > 1 ? [howToRead] : []), ...notes];
  return [
    ...(words.length > 0 ? [{ title: 'Verdict', html: htmlText(words) }] : []),
    {
      title: `Figures of ${repeats} x ${folds}-fold cross-validation`,
      html:
        htmlGrid(head, arms.map(row)) +
        htmlText([
          'Mean and 95 % interval over the fits, allowing for training sets that overlap (Nadeau & Bengio 2003). It is ' +
            'as wide to both sides, so that one of few fits or of a rare class may reach beyond 0 or 1.',
        ]),
    },
    { title: 'Precision of each class', html: chart('precision', 'precision') },
    { title: 'AUC of each class against all others', html: chart('auc', 'AUC') },
    ...(comparisons.length > 0 ? [{ title: 'Differences', html: differences(found) }] : []),
    ...(tested.length > 0
      ? [
          {
            title: `On ${heldOutText(heldOut)} held-out faces of every class`,
            html:
              htmlGrid(
                head,
                tested.map(({ name, holdout: own }) => [
                  name,
                  ...figures.map((figure) => {
                    const { mean, deviation } = figureIn(own, figure);
                    return `${mean.toFixed(3)} ± ${deviation.toFixed(3)}`;
                  }),
                ]),
              ) +
              htmlText([
                'Mean and standard deviation over the fits, all on the same faces: as many of each class, so that ' +
                  'precision differs from that on the folds, where classes have their own sizes.',
              ]),
          },
        ]
      : []),
    ...drawn.map((arm) => ({ title: `Confusion, ${arm.name}`, html: confusion(arm, classNames) })),
  ];
}

/** "100"; "98 to 100" where large groups of equal faces left fewer of some. */
function heldOutText(counts: readonly number[]): string {
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  return least === most ? String(most) : `${least} to ${most}`;
}

function differences({ comparisons }: Found): string {
  return (
    htmlGrid(
      ['', 'against', 'figure', 'difference', 'p', 'q', "Cohen's d", 'fits better', ''],
      comparisons.map((figure) => [
        figure.arm,
        figure.against,
        describeFigure(figure),
        describeDifference(figure),
        shortP(figure.p),
        shortP(figure.q),
        figure.effect.toFixed(2),
        `${figure.better} of ${figure.fits}`,
        findingOf(figure),
      ]),
    ) +
    htmlText([
      'p: corrected resampled t-test on the differences of all fits (Nadeau & Bengio 2003). q: the same, corrected for ' +
        'the number of rows of this table (Benjamini & Hochberg 1995).',
    ])
  );
}

/** Rows in per cent of the class's images. */
function confusion({ confusion: counts }: ArmSummary, classNames: readonly string[]): string {
  return htmlGrid(
    ['class \\ given', ...classNames, 'images'],
    counts.map((row, c) => {
      const images = row.reduce((a, b) => a + b, 0);
      return [
        classNames[c]!,
        ...row.map((count) => `${((100 * count) / images).toFixed(1)} %`),
        String(Math.round(images)),
      ];
    }),
  );
}

function options({ config }: Evaluation): string {
  return htmlTable(
    Object.entries(config).map(([name, value]) => [
      name,
      value === null ? 'none' : Array.isArray(value) ? value.join(', ') : String(value),
    ]),
  );
}
