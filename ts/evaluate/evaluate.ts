import { join } from 'node:path';
import { writeAtomic } from '../base/files.js';
import { htmlPage } from '../report/html.js';
import { bestOf } from './best.js';
import { summarize, type ArmResults, type Summary } from './summary.js';
import type { Job, JobResult } from './job.js';
import { JobStore } from './job-store.js';
import type { EvaluateConfig } from './options.js';
import { planEvaluation, type EvaluationPlan, type PlanEvents } from './plan.js';
import { evaluationSections } from './report.js';
import { runJob } from './run-job.js';
import { baselineName, isClassical, onTopOf, type Arm } from './treatment.js';
import { addedNote, verdicts } from './verdict.js';

export interface EvaluateEvents extends PlanEvents {
  /** Stops the fit at hand; finished ones stay, and a second run goes on from them. */
  readonly signal?: AbortSignal;
  readonly onStart?: (start: EvaluateStart) => void;
  /** `fraction`: of the fit at hand, which `doing` describes. */
  readonly onProgress?: (done: number, fraction: number, doing: string) => void;
  /** The classical arm that others stand on. */
  readonly onBest?: (name: string) => void;
}

export interface EvaluateStart {
  readonly images: number;
  readonly classNames: readonly string[];
  /** Images of every class held out from all folds. */
  readonly holdout: number;
  readonly arms: readonly string[];
  /** Fits to do, those that are done already included. */
  readonly fits: number;
  readonly notes: readonly string[];
  readonly skipped: readonly string[];
}

/** Everything that evaluation.json holds. */
export interface Evaluation extends Summary {
  readonly config: EvaluateConfig;
  readonly notes: readonly string[];
  readonly verdicts: readonly string[];
}

export interface EvaluateResult {
  readonly evaluation: Evaluation;
  readonly files: { readonly json: string; readonly html: string };
  /** Fits that this sitting did; the others were there already. */
  readonly fitted: number;
}

/** What an evaluation that was stopped has come to. */
export interface Stopped {
  readonly stopped: { readonly done: number; readonly fits: number };
}

/**
 * Compares treatments of a classifier's training by repeated stratified k-fold cross-validation, on
 * the same folds and from the same starting weights: per class and mean precision, recall, F1 and
 * AUC, with intervals and corrected tests. Writes evaluation.json and evaluation.html into the
 * folder `config.out`; every finished fit is kept there, so that a second call with the same
 * configuration does none twice.
 * @throws UserError for data, files or options that do not fit; nothing is written before they are checked
 */
export async function evaluate(config: EvaluateConfig, events: EvaluateEvents = {}): Promise<EvaluateResult | Stopped> {
  const plan = await planEvaluation(config, events);
  const { faces, holdout, notes } = plan;
  const perArm = config.folds * config.repeats;
  const fits = plan.arms.length * perArm;
  const names = plan.arms.map(({ name }) => name);
  events.onStart?.({
    ...{ images: faces.count, classNames: faces.classNames, holdout, arms: names, fits, notes },
    skipped: faces.skipped,
  });
  const runner = new Runner(config.out, await JobStore.open(config.out), events);
  try {
    const arms = await runArms(plan, runner, events);
    const summary = summarize(arms.results, arms.pairs, plan.target, config.verdictOn);
    const allNotes = [...notes, ...arms.notes, ...addedNote(summary)];
    const evaluation: Evaluation = { config, notes: allNotes, verdicts: verdicts(summary), ...summary };
    return { evaluation, files: await writeEvaluation(config.out, evaluation), fitted: runner.fitted };
  } catch (error) {
    if (!events.signal?.aborted) throw error;
    return { stopped: { done: runner.done, fits } };
  }
}

/** Runs fits, or finds them done. */
class Runner {
  done = 0;
  fitted = 0;

  constructor(
    private readonly folder: string,
    private readonly store: JobStore,
    private readonly events: EvaluateEvents,
  ) {}

  /** Fold by fold, so that arms are at the same fold at any time. @returns results by arm */
  async run(arms: readonly (Arm & { readonly jobs: readonly Job[] })[]): Promise<ArmResults[]> {
    const results = arms.map(({ name, treatment }) => ({ name, treatment, results: [] as JobResult[] }));
    for (let i = 0; i < (arms[0]?.jobs.length ?? 0); i++)
      for (const [a, { name, jobs }] of arms.entries()) results[a]!.results.push(await this.runOne(name, jobs[i]!));
    return results;
  }

  private async runOne(name: string, job: Job): Promise<JobResult> {
    const { signal, onProgress } = this.events;
    signal?.throwIfAborted();
    const { repeat, fold } = job.split;
    const doing = `${name}, repeat ${repeat + 1} fold ${fold + 1}`;
    let result = await this.store.read(job);
    if (!result) {
      result = await runJob(job, {
        folder: this.folder,
        ...(signal && { signal }),
        onStep: (step, steps) => onProgress?.(this.done, step / steps, doing),
        onGeneratorStep: (step, steps) =>
          onProgress?.(this.done, 0, `${doing}: training its generator, step ${step} of ${steps}`),
      });
      await this.store.write(result);
      this.fitted++;
    }
    this.done++;
    onProgress?.(this.done, 0, doing);
    return result;
  }
}

/** The arms that stand on themselves first; then the best classical one is known, and those that stand on it follow. */
async function runArms(plan: EvaluationPlan, runner: Runner, events: EvaluateEvents) {
  const { arms } = plan;
  const withJobs = (arm: Arm) => ({ ...arm, jobs: plan.jobsOf(arm) });
  const first = await runner.run(arms.filter(({ onBest }) => !onBest).map(withJobs));
  const planned = arms.filter(({ onBest }) => onBest);
  const others = first.map(({ name }) => name).filter((name) => name !== baselineName);
  const pairs = others.map((name) => [name, baselineName] as const);
  if (planned.length === 0) return { results: first, pairs, notes: [] };
  const best = bestOf(first.filter(({ name }) => isClassical(arms.find((arm) => arm.name === name)!)));
  events.onBest?.(best.name);
  const known = new Set(first.map(({ name }) => name));
  const top = planned.map((arm) => {
    const { name, treatment } = onTopOf(best.treatment, arm);
    return { name: name.replace('best', best.name), treatment };
  });
  const second = await runner.run(top.filter(({ name }) => !known.has(name)).map(withJobs));
  runner.done += top.filter(({ name }) => known.has(name)).length * best.results.length;
  return {
    results: [...first, ...second],
    pairs: [
      ...pairs,
      ...second.map(({ name }) => [name, baselineName] as const),
      ...top.map(({ name }) => [name, best.name] as const),
    ],
    notes: [`${best.name} is the classical treatment with the highest mean F1 on these folds.`],
  };
}

async function writeEvaluation(folder: string, evaluation: Evaluation): Promise<EvaluateResult['files']> {
  const files = { json: join(folder, 'evaluation.json'), html: join(folder, 'evaluation.html') };
  await writeAtomic(files.json, `${JSON.stringify(evaluation, null, 2)}\n`);
  await writeAtomic(files.html, htmlPage(`Evaluation: ${evaluation.target}`, evaluationSections(evaluation)));
  return files;
}
