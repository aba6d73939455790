import { basename } from 'node:path';
import { useEngine } from '../backend/engine.js';
import { UserError } from '../base/errors.js';
import { writeAtomic } from '../base/files.js';
import { flagOf } from '../base/options.js';
import { checkFreeFile, checkWritable } from '../base/output-file.js';
import { foldByMoments } from '../classify/fold-norms.js';
import { trainClassifier } from '../classify/train-classifier.js';
import { loadFaces } from '../data/faces.js';
import { plainClassifier } from '../models/conv-classifier.js';
import { featureMetadata } from '../models/feature-network.js';
import { countWeights } from '../models/network.js';
import { vgg19Classifier } from '../models/vgg19.js';
import { writeWeights } from '../models/weights.js';
import { describeScore, fileName, modelCard } from './card.js';
import { loadOptions, scoreParams } from './evaluate.js';
import type { PretrainEvents } from './events.js';
import { chooseHoldout } from './holdout.js';
import { pretrainDefaults, type PretrainConfig } from './options.js';
import type { Score } from './score.js';

export interface PretrainResult {
  readonly file: string;
  /** The model card beside it. */
  readonly card: string;
  readonly stepsDone: number;
  readonly steps: number;
  readonly score: Score;
  /** The score in words. */
  readonly accuracy: string;
}

/**
 * Trains a VGG19-shaped network to tell expressions, for use as a feature network: Adam with one
 * cycle of the learning rate, cross-entropy against labels or FER+ votes, batch normalisation by
 * batch while training and by the data set's moments, folded, in the file. Writes the weights and a
 * model card.
 * @returns undefined where the signal came before the first step
 * @throws UserError for bad data, with nothing written, or a file that cannot be written
 */
export async function pretrain(
  given: PretrainConfig,
  events: PretrainEvents = {},
): Promise<PretrainResult | undefined> {
  const file = given.out ?? `faces-vgg19-w${Math.round(100 * given.width)}.safetensors`;
  for (const path of [file, cardOf(file)]) await checkFreeFile(path, given);
  const engine = await useEngine(given.engine, 'float32', { onChosen: (note) => events.onEngine?.(note) });
  const config: PretrainConfig = { ...given, engine };
  const faces = await loadFaces(loadOptions(config, events));
  const split = chooseHoldout(faces, config.holdout, config.seed);
  if (split.holdout.length === 0 || split.train.length < config.batchSize)
    throw new UserError(
      `${config.data} gives ${split.train.length} images to train on and ${split.holdout.length} to measure on, ` +
        `expected at least ${config.batchSize} (--batch-size) and 1.`,
    );
  await checkWritable(file);
  const shape = vgg19Classifier({ ...config, classes: faces.classNames.length });
  const steps = Math.max(1, Math.floor((split.train.length * config.epochs) / config.batchSize));
  const weights = countWeights(plainClassifier(shape).params);
  events.onStart?.({
    images: split.train.length,
    heldOut: split.holdout.length,
    steps,
    weights,
    skipped: faces.skipped,
  });

  const trained = await trainClassifier(shape, faces, split.train, { ...config, steps }, events);
  if (!trained) return undefined;
  const params = await foldByMoments(shape, trained.params, faces, split.train);
  const score = await scoreParams(shape, params, faces, split.holdout, events);
  const accuracy = describeScore(score, split.description);
  const command = commandOf(config);
  await writeWeights(
    file,
    params,
    {
      format: 'rareface VGG19 features',
      ...featureMetadata({ width: config.width, normalise: null }),
      channels: String(config.channels),
      size: String(config.size),
      layers: 'conv1_1 ... conv5_4, head',
      classes: JSON.stringify(faces.classNames),
      accuracy,
      score: JSON.stringify(score),
      command,
      note: 'These weights contain no image.',
    },
    config.precision,
  );
  const card = cardOf(file);
  await writeAtomic(
    card,
    modelCard({
      name: basename(file, '.safetensors'),
      config,
      command,
      classNames: faces.classNames,
      trainImages: split.train.length,
      score,
      holdout: split.description,
      stepsDone: trained.stepsDone,
      steps,
      weights,
    }),
  );
  return { file, card, stepsDone: trained.stepsDone, steps, score, accuracy };
}

const cardOf = (file: string): string => file.replace(/\.safetensors$/, '.md');

/** The command line that gives this network: data, epochs and whatever is not as it was. */
function commandOf(config: PretrainConfig): string {
  const always = new Set(['data', 'epochs', 'smallFraction']);
  const flags = Object.entries(config).flatMap(([name, value]) => {
    const changed = value !== pretrainDefaults[name as keyof PretrainConfig];
    if (name === 'out' || name === 'force' || value === null || (!changed && !always.has(name))) return [];
    if (value === true) return [flagOf(name)];
    return [flagOf(name), name === 'data' || name === 'ferplus' ? fileName(String(value)) : String(value)];
  });
  return ['npm run pretrain --', ...flags].join(' ');
}
