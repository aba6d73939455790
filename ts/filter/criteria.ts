import { UserError } from '../base/errors.js';
import { flagOf } from '../base/options.js';
import { counted } from '../base/text.js';
import { countLabels, type FaceSet } from '../data/faces.js';
import type { Embeddings } from '../embed/embedder.js';
import { crowdAgreement } from './agreement.js';
import { findLabelNoise, type LabelNoise } from './confident-learning.js';
import { keepByScore, readQuotas } from './keep-rule.js';
import { embeddingLikelihood } from './likelihood.js';
import type { FilterConfig } from './options.js';

/** What faces may be judged by, in the order of columns and tables. */
export const criterionNames = ['confidence', 'label-noise', 'likelihood', 'overall-likelihood', 'agreement'] as const;
export type CriterionName = (typeof criterionNames)[number];

/** One filter's verdict on each face. */
export interface Criterion {
  readonly name: CriterionName;
  /** The higher, the better; not of label noise. */
  readonly scores?: Float64Array;
  readonly kept: readonly boolean[];
}

export interface Evidence {
  /** [count, classes], of a classifier that was not trained on the face. */
  readonly probabilities?: Float32Array;
  readonly embeddings?: Embeddings;
}

/** Which evidence a configuration's filters go by. */
export function evidenceWanted(config: FilterConfig): { probabilities: boolean; embeddings: boolean } {
  const { confidenceMin, confidenceKeep, labelNoise } = config;
  const { likelihoodMin, likelihoodKeep, overallLikelihoodMin, overallLikelihoodKeep } = config;
  const given = (...values: unknown[]) => values.some((value) => value !== null);
  return {
    probabilities: given(confidenceMin, confidenceKeep, labelNoise),
    embeddings: given(likelihoodMin, likelihoodKeep, overallLikelihoodMin, overallLikelihoodKeep),
  };
}

type Scored = Exclude<CriterionName, 'label-noise'>;
type Rule = (scores: ArrayLike<number>) => boolean[];

/**
 * How each score that is asked for decides.
 * @throws UserError for a quota of an unknown class or of no meaning, before anything is computed
 */
export function readRules(
  config: FilterConfig,
  { labels, classNames }: Pick<FaceSet, 'labels' | 'classNames'>,
): Partial<Record<Scored, Rule>> {
  const sizes = countLabels(labels, classNames.length);
  const ruleOf = (name: 'confidence' | 'likelihood' | 'overallLikelihood' | 'agreement'): Rule | undefined => {
    const min = config[`${name}Min`];
    const keep = config[`${name}Keep`];
    if (min === null && keep === null) return undefined;
    const quotas = keep === null ? sizes : readQuotas(keep, classNames, sizes, flagOf(`${name}Keep`));
    return (scores) => keepByScore(scores, labels, { min, quotas });
  };
  const rules = {
    confidence: ruleOf('confidence'),
    likelihood: ruleOf('likelihood'),
    'overall-likelihood': ruleOf('overallLikelihood'),
    agreement: ruleOf('agreement'),
  };
  return Object.fromEntries(Object.entries(rules).filter(([, rule]) => rule !== undefined));
}

/** Judges every face by each filter that is asked for. */
export function judge(
  faces: FaceSet,
  rules: Partial<Record<Scored, Rule>>,
  { labelNoise }: Pick<FilterConfig, 'labelNoise'>,
  { probabilities, embeddings }: Evidence,
): { criteria: Criterion[]; noise: LabelNoise | undefined } {
  const classes = faces.classNames.length;
  const scores: Readonly<Record<Scored, () => Float64Array>> = {
    confidence: () => Float64Array.from(faces.labels, (label, i) => probabilities![i * classes + label]!),
    likelihood: () => embeddingLikelihood(faces, embeddings!, 'class'),
    'overall-likelihood': () => embeddingLikelihood(faces, embeddings!, 'all'),
    agreement: () => crowdAgreement(faces.votes!, faces.labels),
  };
  const noise =
    labelNoise === null ? undefined : findLabelNoise(faces.labels, { classes, values: probabilities! }, labelNoise);
  const criteria = criterionNames.flatMap((name): Criterion[] => {
    if (name === 'label-noise') return noise ? [{ name, kept: noise.wrong.map((wrong) => !wrong) }] : [];
    const rule = rules[name];
    if (!rule) return [];
    const found = scores[name]();
    return [{ name, scores: found, kept: rule(found) }];
  });
  return { criteria, noise };
}

/**
 * Which faces all filters, more than half of them, or any would keep.
 * @throws UserError where a class would be left without faces
 */
export function combine(
  { labels, classNames }: Pick<FaceSet, 'labels' | 'classNames'>,
  criteria: readonly Criterion[],
  how: FilterConfig['combine'],
): boolean[] {
  const enough = { all: criteria.length, most: Math.floor(criteria.length / 2) + 1, any: 1 }[how];
  const kept = Array.from(labels, (_, i) => criteria.filter((criterion) => criterion.kept[i]).length >= enough);
  classNames.forEach((name, label) => {
    const members = Array.from(labels.keys()).filter((i) => labels[i] === label);
    if (members.length > 0 && !members.some((i) => kept[i]))
      throw new UserError(
        `The filters leave none of ${counted(members.length, `${name} face`)} (` +
          criteria.map((c) => `${c.name} keeps ${members.filter((i) => c.kept[i]).length}`).join(', ') +
          '): loosen them.',
      );
  });
  return kept;
}
