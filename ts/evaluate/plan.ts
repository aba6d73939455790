import { useEngine } from '../backend/engine.js';
import { UserError } from '../base/errors.js';
import { counted } from '../base/text.js';
import { countEveryClass, digestOfFaces, labelOf, loadFaces, type FaceSet } from '../data/faces.js';
import { readGeneratorMetadata } from '../onnx/generator-metadata.js';
import { digestOfFile, openGeneratorFor } from './added-faces.js';
import { directionOf, foldConfig } from './fold-generator.js';
import { readGeneratedFolder } from '../augment/generated-folder.js';
import { imagesOfJob, keepFaces } from './job-faces.js';
import type { Job } from './job.js';
import { featuresNote, strictNote } from './leaks.js';
import type { EvaluateConfig } from './options.js';
import { planArms, type AddedFaces, type Arm, type ArmPlan } from './treatment.js';

/** What an evaluation will do. */
export interface EvaluationPlan {
  readonly faces: FaceSet;
  readonly arms: readonly ArmPlan[];
  /** The class that verdicts are on. */
  readonly target: string;
  /** Images of every class that are held out from all folds. */
  readonly holdout: number;
  /** What a reader must know, leaks first. */
  readonly notes: readonly string[];
  /** The fits of an arm, by repeat and fold. */
  jobsOf(arm: Arm): Job[];
}

export interface PlanEvents {
  /** Rows or files read so far. */
  readonly onReading?: (rows: number) => void;
  /** Which engine auto chose, and why. */
  readonly onEngine?: (note: string) => void;
}

/** Held out of every class, where the user does not say how many. */
const usualHoldout = 100;

/**
 * Loads the faces and finds out what is to be compared. Nothing is written.
 * @throws UserError for data, a generator, a folder, classes or folds that do not fit each other
 */
export async function planEvaluation(
  config: EvaluateConfig,
  { onReading, onEngine }: PlanEvents = {},
): Promise<EvaluationPlan> {
  const engine = await useEngine(config.engine, config.precision, { ...(onEngine && { onChosen: onEngine }) });
  const { data: path, size, channels, usage, skipBad, seed, folds, repeats } = config;
  const faces = await loadFaces({
    ...{ data: path, size, channels, usage, skipBad, seed },
    ...(onReading && { onProgress: onReading }),
  });
  const rarest = checkClasses(faces, path);
  const { added, made, notes } = await addedFaces(config, faces);
  const target = config.class === null ? (made ?? rarest.name) : named(faces, config.class);
  const holdout = config.holdout ?? Math.min(usualHoldout, Math.floor(rarest.count / 4));
  const arms = planArms(config.arms, added);
  // Whether all can be divided so shows before the first fit.
  for (let repeat = 0; repeat < repeats; repeat++) imagesOfJob(faces, { holdout, folds, seed, repeat, fold: 0 });
  const digest = digestOfFaces(faces);
  keepFaces(digest, faces);
  const { baseWidth, epochs, batchSize, learningRate, labelSmoothing, dropout } = config;
  const jobsOf = ({ treatment }: Arm): Job[] =>
    Array.from({ length: repeats * folds }, (_, i) => ({
      version: 1,
      data: { path, digest, size, channels, usage, skipBad, seed },
      split: { holdout, folds, seed, repeat: Math.floor(i / folds), fold: i % folds },
      treatment,
      classifier: { baseWidth, epochs, batchSize, learningRate, labelSmoothing, dropout },
      engine,
      precision: config.precision,
    }));
  return { faces, arms, target, holdout, notes, jobsOf };
}

/** @returns the class of the fewest images */
function checkClasses(faces: FaceSet, data: string): { name: string; count: number } {
  const classes = countEveryClass(faces, data).map((count, label) => ({ name: faces.classNames[label]!, count }));
  return classes.reduce((a, b) => (b.count < a.count ? b : a));
}

/** A class as the data spells it. @throws UserError where it has none of that name */
const named = ({ classNames }: FaceSet, name: string): string => classNames[labelOf(classNames, name)]!;

interface Added {
  readonly added: AddedFaces | null;
  /** Class of the faces, or of the first of them. */
  readonly made: string | null;
  readonly notes: string[];
}

async function addedFaces(config: EvaluateConfig, faces: FaceSet): Promise<Added> {
  if (config.faces !== null) return facesOfFolder(config.faces, faces);
  if (config.onnx !== null) return facesOfGenerator({ ...config, onnx: config.onnx }, faces);
  return { added: null, made: null, notes: [] };
}

async function facesOfFolder(folder: string, faces: FaceSet): Promise<Added> {
  const { labels, digest, strangers } = await readGeneratedFolder(folder, faces);
  const notes = [
    `Leak: whoever made the faces of ${folder} may have trained on faces that the folds test on, and on those that are ` +
      'held out. Only those whose sources are among the training images of a fold count in it.',
  ];
  if (strangers > 0)
    notes.push(`Left out: ${counted(strangers, 'face')} of ${folder}, made from what is not among the data.`);
  return {
    added: { from: 'folder', folder: { path: folder, digest } },
    made: faces.classNames[labels[0]!]!,
    notes,
  };
}

async function facesOfGenerator(config: EvaluateConfig & { onnx: string }, faces: FaceSet): Promise<Added> {
  const { onnx, n, seed } = config;
  const session = await openGeneratorFor(onnx, faces);
  await session.close();
  const known = readGeneratorMetadata(session.metadata);
  const classOf = (option: string | null, trained: string | undefined, flag: string): string => {
    const name = option ?? trained;
    if (name === undefined) throw new UserError(`${onnx} does not say what it was trained on: name ${flag}.`);
    return named(faces, name);
  };
  const source = classOf(config.source, known.from, 'the class of the faces to translate with --source');
  const made = classOf(config.class, known.to, 'the class of the faces made with --class');
  const translation = { n, source, class: made, seed };
  if (!config.strict)
    return {
      added: { from: 'generator', onnx: { path: onnx, digest: await digestOfFile(onnx) }, ...translation },
      made,
      notes: [
        `Leak: ${onnx} is taken as it is. Where it was trained on faces of this data, it has seen those of ${made} and ` +
          `${source} that the folds test on, and those that are held out, so that figures with its faces may be too ` +
          "good: --strict trains it anew on each fold's training images. What it translates is among the training " +
          'images of the fold.',
      ],
    };
  const settings = settingsOf(session.metadata, onnx);
  const direction = directionOf(settings, { from: source, to: made, onnx });
  return {
    added: { from: 'training', config: settings, direction, ...translation },
    made,
    notes: [strictNote, ...(settings.perceptualAlpha > 0 ? [featuresNote(settings.features)] : [])],
  };
}

/** How a generator was trained, of what may matter to the result. @throws UserError where its file does not say */
function settingsOf(metadata: Readonly<Record<string, string>>, onnx: string) {
  try {
    const settings = JSON.parse(metadata['config'] ?? '') as Record<string, unknown>;
    // As many steps as the generator has had, if it was stopped early.
    const maxSteps = Number(metadata['step']) || null;
    const trained = foldConfig({ ...settings, maxSteps }, { data: 'synthetic', runs: 'runs' });
    const { data: _data, ferplus: _ferplus, runs: _runs, name: _name, ...rest } = trained;
    return rest;
  } catch (error) {
    const why = error instanceof UserError ? `: ${error.message}` : '.';
    throw new UserError(`${onnx} does not say how it was trained, which --strict goes by${why}`);
  }
}
