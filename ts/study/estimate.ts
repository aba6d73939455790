import { classifier } from '../models/classifier.js';
import { trainClassifier } from '../classify/train-classifier.js';
import { validateConfig } from '../train/config.js';
import { dryRun } from '../train/dry-run.js';
import { laterDefaults, type TrainConfig } from '../train/options.js';
import type { TaskNode } from './graph.js';
import type { StudyPlan } from './plan.js';
import type { Store } from './store.js';
import { withPaths } from './tasks/context.js';
import type { TaskKind } from './task.js';

/** What is left to do of one kind of task. */
export interface TimeEstimate {
  readonly kind: TaskKind;
  readonly tasks: number;
  /** Whose results are there. */
  readonly done: number;
  /** For the others, by the whole machine; undefined where it was not measured. */
  readonly seconds: number | undefined;
}

/** Steps of a classifier that are timed. */
const timedSteps = 20;

/**
 * Says how much is to be done, and how long it takes on this machine: measured on a few steps of each kind of
 * generator and of the classifier, or, where such tasks are done, by what they took.
 * @param store undefined where there is none yet
 */
export async function estimateStudy(
  plan: StudyPlan,
  store: Store | undefined,
  onMeasure?: (what: string) => void,
): Promise<TimeEstimate[]> {
  const kinds = [...new Set(plan.graph.nodes.map(({ task }) => task.kind))];
  const estimates: TimeEstimate[] = [];
  for (const kind of kinds) {
    const nodes = plan.graph.ofKind(kind);
    const done = nodes.filter(({ id }) => store?.has(id));
    const left = nodes.filter((node) => !done.includes(node));
    const seconds = left.length === 0 ? 0 : await secondsOf(kind, left, done, plan, store, onMeasure);
    estimates.push({ kind, tasks: nodes.length, done: done.length, seconds });
  }
  return estimates;
}

async function secondsOf(
  kind: TaskKind,
  left: readonly TaskNode[],
  done: readonly TaskNode[],
  plan: StudyPlan,
  store: Store | undefined,
  onMeasure: ((what: string) => void) | undefined,
): Promise<number | undefined> {
  if (kind === 'train') return trainingSeconds(left, plan, onMeasure);
  if (done.length > 0) {
    return left.length * (await usualSeconds(done, store!));
  }
  if (kind !== 'fit') return undefined;
  onMeasure?.('the classifier');
  return left.length * (await fitSeconds(plan));
}

/** What most of such tasks would take of the whole machine; some may have shared it with other work. */
async function usualSeconds(done: readonly TaskNode[], store: Store): Promise<number> {
  const took = await Promise.all(
    done.map(async ({ id }) => {
      const { seconds, share = 1 } = await store.read(id);
      return seconds * share;
    }),
  );
  return took.sort((a, b) => a - b)[took.length >> 1]!;
}

/** Of one fit, from random weights on the data as they come. */
async function fitSeconds({ faces, study }: StudyPlan): Promise<number> {
  const { baseWidth, epochs, ...fit } = study.classifier;
  const shape = classifier({ channels: faces.channels, classes: faces.classNames.length, baseWidth });
  const indices = Int32Array.from({ length: faces.count }, (_, i) => i);
  const start = performance.now();
  await trainClassifier(shape, faces, indices, { ...fit, smallFraction: 0, steps: timedSteps, seed: 1 });
  const secondsPerStep = (performance.now() - start) / 1000 / timedSteps;
  const trained = (faces.count * (study.folds - 1)) / study.folds;
  return (secondsPerStep * trained * epochs) / fit.batchSize;
}

/** Options that change how long a step takes. */
const costly = [
  'generator',
  'baseWidth',
  'resBlocks',
  'blocks',
  'denseBlocks',
  'subBlocks',
  'growth',
  'trunkNorm',
  'discriminatorWidth',
  'discriminatorLayers',
  'ganLoss',
  'batchSize',
  'featureLayers',
  'from',
  'to',
  'epochsFlat',
  'epochsDecay',
  'stepsPerEpoch',
  'maxSteps',
] as const satisfies readonly (keyof TrainConfig)[];

async function trainingSeconds(
  left: readonly TaskNode[],
  plan: StudyPlan,
  onMeasure: ((what: string) => void) | undefined,
): Promise<number> {
  const measured = new Map<string, number>();
  let total = 0;
  for (const { task, label } of left) {
    if (task.kind !== 'train') continue;
    const config = trialConfig(task.config, plan);
    const key = JSON.stringify([
      ...costly.map((name) => config[name]),
      config.lambdaIdentity > 0,
      config.perceptualAlpha > 0,
    ]);
    if (!measured.has(key)) {
      onMeasure?.(label);
      const { secondsPerStep, totalSteps } = await dryRun(config, {}, plan.faces);
      measured.set(key, secondsPerStep * Math.min(totalSteps, config.maxSteps ?? Infinity));
    }
    total += measured.get(key)!;
  }
  return total;
}

/** The task's run, with the user's own files. */
function trialConfig(settings: Readonly<Record<string, unknown>>, { study, roots }: StudyPlan): TrainConfig {
  const pathOf = (digest: string) => [...roots].find(([, root]) => root.digest === digest)![0];
  return validateConfig({
    ...laterDefaults,
    ...withPaths({ rootPath: ({ digest }) => pathOf(digest) }, settings),
    ...{ data: study.data, ferplus: null, runs: 'runs', name: null, maxMinutes: null },
  });
}
