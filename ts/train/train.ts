import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { UserError } from '../base/errors.js';
import { writeAtomic } from '../base/files.js';
import { claimFolder, type FolderClaim } from '../base/folder-claim.js';
import type { FaceSet } from '../data/faces.js';
import { downloadParams } from '../models/host-params.js';
import { exportOnnx } from '../onnx/export.js';
import { generatorMetadata } from '../onnx/generator-metadata.js';
import {
  checkNewest,
  loadCheckpoint,
  newestOrNamed,
  removeLater,
  removeLeftovers,
  resumePoint,
  saveCheckpoint,
  stepName,
  type ResumePoint,
} from './checkpoint.js';
import { resumeConfig, type TrainConfig } from './config.js';
import { writeLossPlot } from './loss-plot.js';
import { appendMetrics, truncateMetrics, type MetricsLine } from './metrics.js';
import { lossNames } from './losses.js';
import { makeRunFolder, readRunConfig, removeSamplesAfter, removeTemporaries, runFiles } from './run-folder.js';
import { writeRunReport } from './run-report.js';
import { writeSamples } from './samples.js';
import type { NetworkName } from './step.js';
import { setUp, type SetupEvents } from './setup.js';
import type { Trainer } from './trainer.js';

/** What is known of a run before its first step. */
export interface RunStart {
  readonly folder: string;
  readonly classA: string;
  readonly classB: string;
  readonly imagesA: number;
  readonly imagesB: number;
  /** Numbers in each network. */
  readonly sizes: Readonly<Record<NetworkName, number>>;
  /** Steps done before this sitting. */
  readonly step: number;
  /** Step at which this sitting ends, and the run's last. */
  readonly lastStep: number;
  readonly totalSteps: number;
  readonly stepsPerEpoch: number;
  /** Bad rows and files of the data, one line each. */
  readonly skipped: readonly string[];
}

/** What a run tells while it goes on. */
export interface TrainEvents extends SetupEvents {
  onStart?(start: RunStart): void;
  onStep?(step: number): void;
  onMetrics?(line: MetricsLine): void;
  onWarning?(text: string): void;
  onSamples?(file: string): void;
  onCheckpoint?(folder: string): void;
}

export interface TrainOptions extends TrainEvents {
  /** Aborting it ends the run after the step that is running, with a checkpoint and all files. */
  readonly signal?: AbortSignal;
  /** A run folder, or one of its checkpoints: the run goes on from there. */
  readonly resume?: string;
  /** Whether a checkpoint may be resumed that is not the run's newest: the later ones are removed. */
  readonly force?: boolean;
  /** Faces to train on instead of those of `config.data`; of the configured size and channels. */
  readonly faces?: FaceSet;
}

export type StopReason = 'finished' | 'max-steps' | 'max-minutes' | 'aborted';

export interface TrainResult {
  readonly folder: string;
  /** Steps done, of `totalSteps`. */
  readonly step: number;
  readonly totalSteps: number;
  readonly stopped: StopReason;
}

/**
 * Trains a CycleGAN or ECycleGAN between two classes of faces and fills a run folder: config.json,
 * metrics.jsonl, losses.png, samples/, checkpoints/, report.html, gen_ab.onnx (A to B), gen_ba.onnx. Between
 * steps the event loop runs. On one engine a run that was stopped or killed and resumed gives the
 * same weights, to the bit, as one that was not.
 * @param config resolved; of a resumed run, its own but for the options that a sitting may change
 * @throws UserError for data, files or options that don't fit; nothing is written before data and options are checked
 */
export async function trainCycleGan(config: TrainConfig, options: TrainOptions = {}): Promise<TrainResult> {
  const point = options.resume === undefined ? undefined : resumePoint(options.resume);
  const begun = point && (await readRunConfig(point.run));
  if (begun) resumeConfig(begun, config);
  let claim = point && (await claimRun(point.run));
  try {
    if (point) await checkResume(point, config, options);
    const setup = await setUp(config, options, options.faces);
    try {
      const { engine } = setup.config;
      if (begun && begun.engine !== engine)
        options.onWarning?.(
          `The run was begun on the engine ${begun.engine}. On ${engine} its numbers differ by rounding ` +
            'from those that it would have had.',
        );
      const run = await Run.open(setup.config, options, setup.trainer, point);
      claim ??= await claimRun(run.folder);
      run.announce(setup.skipped);
      return await run.train();
    } finally {
      setup.dispose();
    }
  } finally {
    await claim?.release();
  }
}

/** So that nobody resumes a run that is being trained. @throws UserError where another process trains it */
const claimRun = (run: string): Promise<FolderClaim> => claimFolder(run, 'trains in it');

/** @throws UserError where a sitting would have nothing to do, or what would be lost by it may not be */
async function checkResume(point: ResumePoint, { maxSteps }: TrainConfig, { force }: TrainOptions): Promise<void> {
  const { step } = await newestOrNamed(point);
  if (maxSteps !== null && step > maxSteps)
    throw new UserError(
      `${point.checkpoint ?? point.run} is already at step ${step}, past --max-steps ${maxSteps}: ` +
        'give a later step, or none.',
    );
  if (!force) await checkNewest(point);
}

/** One sitting of a run. */
class Run {
  private readonly files;
  private readonly data: string;
  private readonly started = performance.now();

  private constructor(
    private readonly config: TrainConfig,
    private readonly options: TrainOptions,
    private readonly trainer: Trainer,
    readonly folder: string,
    /** Training time of earlier sittings. */
    private readonly secondsBefore: number,
  ) {
    this.files = runFiles(folder);
    this.data = trainer.dataDigest;
  }

  static async open(config: TrainConfig, options: TrainOptions, trainer: Trainer, point?: ResumePoint): Promise<Run> {
    if (!point) {
      const folder = await makeRunFolder(config);
      return new Run(config, options, trainer, folder, 0);
    }
    const { size, channels, poolSize } = config;
    const checkpoint = await loadCheckpoint(point, trainer.shapes, {
      size: poolSize,
      shape: [1, size, size, channels],
    });
    if (checkpoint.data !== trainer.dataDigest)
      throw new UserError(
        `The images of ${trainer.classA} and ${trainer.classB} in ${config.data} are not those that the run ` +
          `${point.run} was trained on. Restore them, or start another run.`,
      );
    trainer.restore(checkpoint.tensors, checkpoint.position);
    await removeLeftovers(point.run);
    await removeTemporaries(point.run);
    await removeLater(point.run, trainer.step);
    await removeSamplesAfter(point.run, trainer.step);
    await truncateMetrics(runFiles(point.run).metrics, trainer.step);
    return new Run(config, options, trainer, point.run, checkpoint.seconds);
  }

  private get lastStep(): number {
    return Math.min(this.config.maxSteps ?? Infinity, this.trainer.schedule.totalSteps);
  }

  announce(skipped: readonly string[]): void {
    const { trainer, folder, lastStep } = this;
    const { classA, classB, sizes, step, images } = trainer;
    const { totalSteps, stepsPerEpoch } = trainer.schedule;
    const steps = { step, lastStep, totalSteps, stepsPerEpoch };
    this.options.onStart?.({ folder, classA, classB, imagesA: images.a, imagesB: images.b, sizes, ...steps, skipped });
  }

  async train(): Promise<TrainResult> {
    const { trainer, config, options } = this;
    let stopped = this.whyStop();
    // A run that goes on stands at a checkpoint.
    let saved = trainer.step;
    while (!stopped) {
      await trainer.advance();
      const { step } = trainer;
      options.onStep?.(step);
      if (step % config.logEvery === 0) await this.log();
      if (step % config.sampleEvery === 0) await this.sample();
      if (step % config.checkpointEvery === 0) {
        await this.checkpoint();
        saved = step;
      }
      await setImmediate();
      stopped = this.whyStop();
    }
    if (saved !== trainer.step || trainer.step === 0) await this.checkpoint();
    if (trainer.step % config.sampleEvery !== 0) await this.sample();
    await this.export();
    await this.report();
    return { folder: this.folder, step: trainer.step, totalSteps: trainer.schedule.totalSteps, stopped };
  }

  private whyStop(): StopReason | undefined {
    const { step, schedule } = this.trainer;
    const { maxMinutes } = this.config;
    if (step >= schedule.totalSteps) return 'finished';
    if (step >= this.lastStep) return 'max-steps';
    if (maxMinutes !== null && performance.now() - this.started >= maxMinutes * 60_000) return 'max-minutes';
    return this.options.signal?.aborted ? 'aborted' : undefined;
  }

  private get seconds(): number {
    return this.secondsBefore + (performance.now() - this.started) / 1000;
  }

  /** Takes the losses off the engine. @throws UserError when one is not a number any more */
  private async readLosses(): Promise<void> {
    const { losses, warnings } = await this.trainer.readLosses();
    for (const [i, values] of losses.entries())
      for (const name of lossNames)
        if (!Number.isFinite(values[name]))
          throw new UserError(
            `The training has diverged: the loss ${name} is ${values[name]} at step ` +
              `${this.trainer.step - losses.length + i + 1}. Checkpoints in ${this.folder} are from before that. ` +
              `Try a lower --learning-rate, or --gan-loss lsgan.`,
          );
    for (const warning of warnings) this.options.onWarning?.(warning);
  }

  private async log(): Promise<void> {
    await this.readLosses();
    const { step, schedule } = this.trainer;
    const line: MetricsLine = {
      step,
      epoch: Math.ceil(step / schedule.stepsPerEpoch),
      learningRate: schedule.learningRate(step - 1),
      seconds: Math.round(this.seconds * 1000) / 1000,
      ...this.trainer.takeMeans(),
    };
    await appendMetrics(this.files.metrics, line);
    this.options.onMetrics?.(line);
  }

  private async sample(): Promise<void> {
    const file = join(this.files.samples, `${stepName(this.trainer.step)}.png`);
    await writeSamples(file, this.trainer, this.config);
    this.options.onSamples?.(file);
  }

  private async checkpoint(): Promise<void> {
    await this.readLosses();
    const { trainer } = this;
    const folder = await saveCheckpoint(
      this.folder,
      { tensors: await trainer.tensors(), position: trainer.position, data: this.data, seconds: this.seconds },
      this.config.keepCheckpoints,
    );
    this.options.onCheckpoint?.(folder);
    await writeLossPlot(this.files.losses, this.files.metrics, trainer.classA, trainer.classB);
  }

  private async report(): Promise<void> {
    const { classA, classB, images, step, schedule } = this.trainer;
    await writeRunReport(this.files, this.config, {
      ...{ classA, classB, imagesA: images.a, imagesB: images.b },
      ...{ step, totalSteps: schedule.totalSteps, seconds: this.seconds },
    });
  }

  private async export(): Promise<void> {
    const { classA, classB, networks, step } = this.trainer;
    const { channels } = this.config;
    for (const [name, from, to] of [
      ['generatorAB', classA, classB],
      ['generatorBA', classB, classA],
    ] as const) {
      const params = await downloadParams(this.trainer.params(name));
      const metadata = generatorMetadata({ from, to, step, config: this.config });
      await writeAtomic(this.files[name], await exportOnnx(networks[name], params, { channels, metadata }));
    }
  }
}
