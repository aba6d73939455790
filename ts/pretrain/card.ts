import type { PretrainConfig } from './options.js';
import type { Score } from './score.js';

export interface CardFacts {
  /** The file's name without folder and ending. */
  readonly name: string;
  readonly config: PretrainConfig;
  readonly command: string;
  readonly classNames: readonly string[];
  readonly trainImages: number;
  readonly score: Score;
  /** What was held out. */
  readonly holdout: string;
  readonly stepsDone: number;
  readonly steps: number;
  /** Numbers in the file. */
  readonly weights: number;
}

/** "54.1 % of the labels, 78.1 % of the classes that most FER+ voters chose (3300 images held out: ...)" */
export function describeScore({ images, label, crowd }: Score, holdout: string): string {
  const votes = crowd === undefined ? '' : `, ${percent(crowd)} of the classes that most FER+ voters chose`;
  return `${percent(label)} of the labels${votes} (${images} images held out: ${holdout})`;
}

const percent = (fraction: number): string => `${(100 * fraction).toFixed(1)} %`;

/** The model card, in Markdown. */
export function modelCard(facts: CardFacts): string {
  const { name, config, command, classNames, trainImages, score, holdout, stepsDone, steps, weights } = facts;
  const rows = [
    ['Task', `expression classification: ${classNames.join(', ')}`],
    ['Accuracy', describeScore(score, holdout)],
    ['Data', describeData(config, trainImages)],
    ['Command', `\`${command}\``],
    [
      'Steps',
      `${stepsDone} of ${config.batchSize} images` +
        (stepsDone < steps ? `; stopped before the end, after ${stepsDone} of ${steps} steps` : ''),
    ],
    [
      'Input',
      `NHWC, ${config.channels === 1 ? '1 channel' : '3 channels'}, values in [-1, 1], no further normalisation; ` +
        `any size from 16x16`,
    ],
    [
      'Layers',
      'conv1_1, relu1_1, ... relu5_4 (`<layer>.filter` [3, 3, in, out], `<layer>.bias`), `head.filter`, `head.bias`',
    ],
    ['File', `safetensors, ${config.precision}, ${millions(weights)} weights`],
  ];
  return `# ${name}

A feature network for perceptual losses, trained on faces: the sixteen convolutions of VGG19 (Simonyan & Zisserman 2015), their channels times ${config.width}, and a linear classification head. Batch normalisation of the training is folded into the convolutions.

| | |
| --- | --- |
${rows.map(([key, value]) => `| ${key} | ${value} |`).join('\n')}

Use: \`npm run train:native -- --preset paper-ecyclegan --features ${name}.safetensors\`; the file that ships in models/ is the default.

Accuracy is measured on single images and their mirror images together, with no image on both sides of the split. Labels of such data sets are noisy: people agree with each other only so far. The network was trained to tell expressions, not people, and should not be used to judge a person's feelings.

Licence: the weights are under this project's licence. They contain no image; the rights in the training pictures stay with their owners.
`;
}

function describeData({ data, ferplus, size, channels }: PretrainConfig, images: number): string {
  const votes = ferplus === null ? '' : `; FER+ votes (${fileName(ferplus)}) as soft labels`;
  const of = data === 'synthetic' ? 'synthetic faces' : fileName(data);
  return `${images} training images of ${of}, ${size}x${size}, ${channels === 1 ? 'grey' : 'colour'}${votes}`;
}

/** Cards name files, not the folders of whoever made them. */
export const fileName = (path: string): string => path.replace(/\/+$/, '').split('/').at(-1)!;

const millions = (count: number): string => (count < 100_000 ? String(count) : `${(count / 1e6).toFixed(1)} million`);
