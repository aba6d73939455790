/**
 * Facial-expression data augmentation: the steps of the commands, as functions.
 *
 * ```ts
 * import { augment, resolveConfig, trainCycleGan } from 'rareface';
 *
 * const config = await resolveConfig({
 *   preset: 'paper-ecyclegan',
 *   settings: { data: 'fer2013.csv.gz', from: 'Neutral', to: 'Disgust' },
 * });
 * const { folder } = await trainCycleGan(config, { onMetrics: ({ step, cycleA }) => console.log(step, cycleA) });
 * await augment({ onnx: `${folder}/gen_ab.onnx`, n: 500, out: 'more-disgust' });
 * ```
 */
export { UserError } from './base/errors.js';
export { StepRunner } from './backend/capture/step-runner.js';
export {
  useEngine,
  engineChoices,
  engines,
  precisions,
  type EngineChoice,
  type EngineName,
  type Precision,
} from './backend/engine.js';

// Data
export { facesOfClass, loadFaces, type FaceSet, type LoadOptions, type Usage } from './data/faces.js';
export { readFaces } from './data/batch.js';
export { splitGroups, type Split, type SplitOptions } from './data/split.js';
export { syntheticFaces, type SyntheticFaces, type SyntheticOptions } from './data/synthetic.js';

// Networks: pure functions of their weights
export { makeGenerator, type GeneratorConfig } from './models/generator.js';
export { makeDiscriminator, type DiscriminatorConfig } from './models/discriminator.js';
export { vgg19Features, type Vgg19Config } from './models/vgg19.js';
export { defaultFeatureLayers, loadFeatureNetwork, type FeatureNetwork } from './models/feature-network.js';
export { initialParams, type HostParams, type Network, type Params, type ParamSpec } from './models/network.js';
export { downloadParams, uploadParams } from './models/host-params.js';
export { readWeights, writeWeights, type WeightFile } from './models/weights.js';

// Ops of the project, for networks of one's own
export { adamCoefficients, adamUpdate, type AdamOptions } from './ops/adam.js';
export { instanceNorm, type InstanceNormOptions } from './ops/instance-norm.js';
export { featuresOf, perceptualLoss, type FeatureStack } from './ops/perceptual-loss.js';
export { reflectPad } from './ops/reflect-pad.js';
export { residualDenseBlock, type DenseBlockOptions } from './ops/residual-dense-block.js';

// Filter
export { filterFaces, type FilterResult } from './filter/filter.js';
export { type FilterEvents } from './filter/events.js';
export { filterPresets, resolveFilter, type FilterConfig, type FilterPreset } from './filter/options.js';
export { findLabelNoise, type LabelNoise, type NoiseMethod } from './filter/confident-learning.js';
export { openEmbedder, type Embedder, type Embeddings } from './embed/embedder.js';

// Quality of generated faces
export { measureQuality, type ClassQuality, type QualityResult } from './quality/quality.js';
export { resolveQuality, type QualityConfig } from './quality/options.js';
export { type QualityEvents } from './quality/events.js';

// Train, export, augment
export { resolveConfig, resumeConfig, type ConfigSources } from './train/config.js';
export { type TrainConfig, type TrainSettings } from './train/options.js';
export { presets, type PresetName } from './train/presets.js';
export {
  trainCycleGan,
  type RunStart,
  type StopReason,
  type TrainEvents,
  type TrainOptions,
  type TrainResult,
} from './train/train.js';
export { dryRun, type DryRun } from './train/dry-run.js';
export { type MetricsLine } from './train/metrics.js';
export { readRunConfig } from './train/run-folder.js';
export { resumePoint, type ResumePoint } from './train/checkpoint.js';
export { exportGenerator, type ExportGeneratorOptions } from './train/export-generator.js';
export { pretrain, type PretrainResult } from './pretrain/pretrain.js';
export { evaluatePretrained, type EvaluateOptions } from './pretrain/evaluate.js';
export { type PretrainEvents } from './pretrain/events.js';
export { pretrainDefaults, resolvePretrain, type PretrainConfig } from './pretrain/options.js';
export { type Score } from './pretrain/score.js';
export { exportOnnx, type ExportOptions } from './onnx/export.js';
export { openGenerator, type GeneratorSession, type SessionOptions } from './onnx/session.js';
export { augment, type AugmentOptions, type AugmentResult, type AugmentStart } from './augment/augment.js';

// Evaluate: jobs that any process may run, and what they show
export { evaluate, type Evaluation, type EvaluateEvents, type EvaluateResult } from './evaluate/evaluate.js';
export { evaluateDefaults, resolveEvaluate, type EvaluateConfig } from './evaluate/options.js';
export { jobHash, type Job, type JobResult } from './evaluate/job.js';
export { JobStore } from './evaluate/job-store.js';
export { runJob, type RunJobOptions } from './evaluate/run-job.js';
export { summarize, type ArmResults, type Summary } from './evaluate/summary.js';
export { verdicts } from './evaluate/verdict.js';
export { metricsOf, type Metrics, type Predictions } from './evaluate/metrics.js';
export { benjaminiHochberg, compare, estimate, holm, type Comparison, type Estimate } from './evaluate/statistics.js';

// Study: filter, train, add, evaluate, as a graph of tasks
export { runStudy, type StudyEvents, type StudyFiles, type StudyOutcome, type StudyStopped } from './study/study.js';
export { resolveStudy, type StudyConfig } from './study/config.js';
export { readStudy, type Study } from './study/options.js';
export { planStudy, type StudyPlan } from './study/plan.js';
export { estimateStudy, type TimeEstimate } from './study/estimate.js';
export { runWorker, type WorkerOptions } from './study/worker.js';
export { type StudyResult } from './study/results.js';
