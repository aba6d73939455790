import { createHash } from 'node:crypto';
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs-core';
import { StepRunner } from '../backend/capture/step-runner.js';
import { Philox } from '../base/random.js';
import { readFaces } from '../data/batch.js';
import { facesOfClass, type FaceSet } from '../data/faces.js';
import { makeDiscriminator } from '../models/discriminator.js';
import { makeGenerator } from '../models/generator.js';
import { uploadParams } from '../models/host-params.js';
import { countWeights, initialParams, type HostParams, type Network, type Params } from '../models/network.js';
import { adamCoefficients } from '../ops/adam.js';
import { CollapseWatch, type CollapseState } from './collapse.js';
import { DataOrder, type OrderState } from '../data/data-order.js';
import { drawDiffAugment } from './diff-augment.js';
import { drawChoices, drawNormal, drawUniform, streams } from './draws.js';
import { lossNames } from './losses.js';
import { LossWindow, type Losses, type WindowState } from './metrics.js';
import type { TrainConfig } from './options.js';
import type { PerceptualFeatures } from './perceptual-features.js';
import { ReplayBuffer, type ReplayPlan } from './replay-buffer.js';
import { makeSchedule, type Schedule } from './schedule.js';
import {
  named,
  networkNames,
  trainStep,
  type DiscriminatorInputs,
  type DiscriminatorName,
  type NetworkName,
  type Networks,
  type NetworkState,
  type StepInputs,
  type StepResult,
  type StepState,
} from './step.js';

/** tfjs's and PyTorch's default. */
const adamEpsilon = 1e-8;

/** Where a run stands, beside its tensors: what a checkpoint keeps as JSON. */
export interface Position {
  /** Steps done. */
  readonly step: number;
  /** Updates of each network so far: the generators' is `step`, a rare discriminator's may be less. */
  readonly updates: Readonly<Record<NetworkName, number>>;
  readonly orderA: OrderState;
  readonly orderB: OrderState;
  /** Positions of the replay buffers' random streams. */
  readonly replayA: number;
  readonly replayB: number;
  readonly window: WindowState;
  readonly collapse: CollapseState;
}

type StepOutputs = Omit<StepResult, 'state'>;

/** One class's images, their order, and the translations into it that were kept. */
interface Domain {
  readonly className: string;
  readonly indices: Int32Array;
  readonly order: DataOrder;
  readonly replay: ReplayBuffer;
  readonly flips: 'flipA' | 'flipB';
  readonly mix: 'mixA' | 'mixB';
  readonly rare: boolean;
}

interface Batch {
  readonly indices: readonly number[];
  readonly flips: readonly boolean[];
}

/**
 * A run in memory: networks, optimizer moments, data order, replay buffers. Every step depends on
 * the configuration, the faces and this state alone; {@link tensors} and {@link position} together
 * are all of it.
 */
export class Trainer {
  readonly networks: Networks;
  readonly schedule: Schedule;
  readonly classA: string;
  readonly classB: string;
  private readonly a: Domain;
  private readonly b: Domain;
  private readonly runner: StepRunner<StepState, StepInputs, StepOutputs>;
  private state: StepState;
  private done = 0;
  private updates: Record<NetworkName, number>;
  private readonly window = new LossWindow();
  private readonly watch: CollapseWatch;
  /** Losses that still lie on the engine, oldest first. */
  private unread: Tensor1D[] = [];

  /**
   * Starting weights come from the seed.
   * @throws UserError for a class that the faces do not have, or of fewer than two images
   */
  constructor(
    private readonly config: TrainConfig,
    private readonly faces: FaceSet,
    private readonly features?: PerceptualFeatures,
  ) {
    const generator = makeGenerator(config);
    const discriminator = makeDiscriminator(config);
    this.networks = {
      generatorAB: generator,
      generatorBA: generator,
      discriminatorA: discriminator,
      discriminatorB: discriminator,
    };
    const domain = (className: string, side: 'A' | 'B', rare: boolean): Domain => {
      const indices = facesOfClass(faces, className);
      return {
        // As the data spells it.
        className: faces.classNames[faces.labels[indices[0]!]!]!,
        indices,
        order: new DataOrder(indices, config.seed, streams[`order${side}`]),
        replay: new ReplayBuffer(config.poolSize, new Philox(config.seed, streams[`replay${side}`])),
        flips: `flip${side}`,
        mix: `mix${side}`,
        rare,
      };
    };
    this.a = domain(config.from, 'A', config.rareClass === 'from');
    this.b = domain(config.to, 'B', config.rareClass === 'to');
    this.classA = this.a.className;
    this.classB = this.b.className;
    this.schedule = makeSchedule(config, this.a.indices.length, this.b.indices.length);
    this.watch = new CollapseWatch(config.ganLoss, { discriminatorA: this.classA, discriminatorB: this.classB });
    this.updates = { generatorAB: 0, generatorBA: 0, discriminatorA: 0, discriminatorB: 0 };
    this.runner = new StepRunner((state, inputs) => {
      const { state: next, ...outputs } = trainStep(this.networks, config, features, state, inputs);
      return { state: next, outputs };
    }, config);
    this.state = forEachNetwork((name) => {
      const weights = Object.values(uploadParams(initialParams(this.networks[name], config.seed, streams[name])));
      const zeros = () => weights.map((weight) => tf.zerosLike(weight));
      return { weights, m: zeros(), v: zeros() };
    });
  }

  /** A digest of the images of both classes: another sitting must train on the same. */
  get dataDigest(): string {
    const { pixels, size, channels } = this.faces;
    const image = size * size * channels;
    const hash = createHash('sha256');
    for (const { indices } of [this.a, this.b]) {
      hash.update(`${indices.length} `);
      for (const i of indices) hash.update(pixels.subarray(i * image, (i + 1) * image));
    }
    return hash.digest('hex');
  }

  /** Steps done. */
  get step(): number {
    return this.done;
  }

  /** Images of each class. */
  get images(): { readonly a: number; readonly b: number } {
    return { a: this.a.indices.length, b: this.b.indices.length };
  }

  /** Numbers in each network. */
  get sizes(): Readonly<Record<NetworkName, number>> {
    return forEachNetwork((name) => countWeights(this.networks[name].params));
  }

  /** Runs one step. Its losses stay on the engine until {@link readLosses}. */
  async advance(): Promise<void> {
    const step = this.done;
    const planA = this.a.replay.plan(this.config.batchSize);
    const planB = this.b.replay.plan(this.config.batchSize);
    const inputs = await this.inputs(step, planA, planB);
    try {
      const { state, outputs } = await this.runner.run(this.state, inputs);
      this.state = state;
      this.a.replay.write(planA, outputs.fakeA);
      this.b.replay.write(planB, outputs.fakeB);
      tf.dispose([outputs.fakeA, outputs.fakeB]);
      this.unread.push(outputs.losses);
    } finally {
      tf.dispose(inputs as object as tf.TensorContainerObject);
    }
    for (const name of networkNames) if (this.isUpdated(name, step)) this.updates[name]++;
    this.done++;
  }

  private async inputs(step: number, planA: ReplayPlan, planB: ReplayPlan): Promise<StepInputs> {
    const batchA = this.draw(this.a, step);
    const batchB = this.draw(this.b, step);
    const realA = this.upload(batchA);
    const realB = this.upload(batchB);
    const features = await this.featuresOf(batchA, batchB, realA, realB);
    return {
      realA,
      realB,
      ...(features ? { features } : {}),
      update: this.adam('generatorAB', step),
      discriminatorA: this.discriminatorInputs('discriminatorA', this.a, step, planA, realA),
      discriminatorB: this.discriminatorInputs('discriminatorB', this.b, step, planB, realB),
    };
  }

  private async featuresOf(a: Batch, b: Batch, realA: Tensor4D, realB: Tensor4D): Promise<Tensor4D[] | undefined> {
    if (!this.features) return undefined;
    const images = tf.concat([realA, realB], 0);
    try {
      return await this.features.ofImages([...a.indices, ...b.indices], [...a.flips, ...b.flips], images);
    } finally {
      images.dispose();
    }
  }

  private draw({ order, flips }: Domain, step: number): Batch {
    const { batchSize, flip, seed } = this.config;
    const indices = Array.from({ length: batchSize }, () => order.next());
    return { indices, flips: drawChoices(seed, flips, step, batchSize, flip ? 0.5 : 0) };
  }

  private upload({ indices, flips }: Batch): Tensor4D {
    const { size, channels } = this.faces;
    return tf.tensor4d(readFaces(this.faces, indices, flips), [indices.length, size, size, channels]);
  }

  private discriminatorInputs(
    name: DiscriminatorName,
    { replay, rare, mix }: Domain,
    step: number,
    plan: ReplayPlan,
    real: Tensor4D,
  ): DiscriminatorInputs {
    const { seed, ganLoss, labelFlip, instanceNoise, diffAugment } = this.config;
    const [n, ...image] = real.shape;
    const flipped = drawChoices(seed, 'labels', step, n, rare ? labelFlip : 0);
    const inputs: { -readonly [Key in keyof DiscriminatorInputs]: DiscriminatorInputs[Key] } = {
      stored: replay.read(plan, real),
      sources: tf.tensor1d(plan.sources, 'int32'),
      realLabels: tf.tensor4d(
        flipped.map((flip) => (flip ? 0 : 1)),
        [n, 1, 1, 1],
      ),
    };
    if (rare && instanceNoise > 0) {
      const count = 3 * real.size;
      inputs.noise = tf.tensor4d(drawNormal(seed, 'noise', step, count, this.schedule.noise(step)), [3 * n, ...image]);
    }
    if (rare && diffAugment) inputs.augment = drawDiffAugment(diffAugment, seed, step, 3 * n, image);
    if (ganLoss === 'wgan-gp') inputs.mix = tf.tensor4d(drawUniform(seed, mix, step, n), [n, 1, 1, 1]);
    if (this.isUpdated(name, step)) inputs.update = this.adam(name, step);
    return inputs;
  }

  private isUpdated(name: NetworkName, step: number): boolean {
    const rare = this.config.rareClass === 'to' ? 'discriminatorB' : 'discriminatorA';
    return name !== rare || this.schedule.updatesRare(step);
  }

  private adam(name: NetworkName, step: number): Tensor1D {
    const { beta1, beta2 } = this.config;
    return adamCoefficients({
      learningRate: this.schedule.learningRate(step),
      beta1,
      beta2,
      epsilon: adamEpsilon,
      step: this.updates[name] + 1,
    });
  }

  /** Reads the losses that wait on the engine: those of each step since the last call, and warnings they give. */
  async readLosses(): Promise<{ losses: Losses[]; warnings: string[] }> {
    if (this.unread.length === 0) return { losses: [], warnings: [] };
    const { unread } = this;
    this.unread = [];
    const stacked = tf.stack(unread);
    tf.dispose(unread);
    const values = await stacked.data();
    stacked.dispose();
    const losses = unread.map(
      (_, row) => Object.fromEntries(lossNames.map((name, i) => [name, values[row * lossNames.length + i]!])) as Losses,
    );
    const warnings = losses.flatMap((step) => {
      this.window.add(step);
      return this.watch.add(step);
    });
    return { losses, warnings };
  }

  /** Means of the losses read since the last call. */
  takeMeans(): Losses {
    return this.window.take();
  }

  /** A generator's weights by name, still owned by the trainer. */
  params(name: NetworkName): Params {
    return named(this.networks[name], this.state[name].weights);
  }

  /** Everything but the tensors. Losses must have been read. */
  get position(): Position {
    if (this.unread.length > 0) throw new Error('Read the losses before the position is taken.');
    return {
      step: this.done,
      updates: { ...this.updates },
      orderA: this.a.order.state,
      orderB: this.b.order.state,
      replayA: this.a.replay.random.position,
      replayB: this.b.replay.random.position,
      window: this.window.state,
      collapse: this.watch.state,
    };
  }

  /** All tensors by name, on the host: `generatorAB/encoder.0.filter`, its moments `.../m` and `.../v`, `replayA/0`. */
  async tensors(): Promise<HostParams> {
    const entries: [string, Tensor][] = [];
    for (const name of networkNames)
      for (const [part, tensors] of Object.entries(this.state[name]) as [keyof NetworkState, Tensor[]][])
        tensors.forEach((tensor, i) => entries.push([tensorName(this.networks[name], name, part, i), tensor]));
    this.a.replay.contents().forEach((image, i) => entries.push([`replayA/${i}`, image]));
    this.b.replay.contents().forEach((image, i) => entries.push([`replayB/${i}`, image]));
    const host: [string, HostParams[string]][] = [];
    for (const [name, tensor] of entries)
      host.push([name, { shape: tensor.shape, values: (await tensor.data()) as Float32Array }]);
    return Object.fromEntries(host);
  }

  /** Shapes that {@link tensors} must have, the replay buffers' apart. */
  get shapes(): ReadonlyMap<string, readonly number[]> {
    const shapes = new Map<string, readonly number[]>();
    for (const name of networkNames)
      for (const part of ['weights', 'm', 'v'] as const)
        this.networks[name].params.forEach(({ shape }, i) =>
          shapes.set(tensorName(this.networks[name], name, part, i), shape),
        );
    return shapes;
  }

  /** Goes on where {@link tensors} and {@link position} were taken. Names and shapes are the caller's to check. */
  restore(tensors: HostParams, position: Position): void {
    const { a, b } = this;
    const upload = (name: string): Tensor => {
      const { shape, values } = tensors[name]!;
      return tf.tensor(values, [...shape], 'float32');
    };
    const previous = this.state;
    this.state = forEachNetwork((name) => {
      const part = (which: keyof NetworkState) =>
        this.networks[name].params.map((_, i) => upload(tensorName(this.networks[name], name, which, i)));
      return { weights: part('weights'), m: part('m'), v: part('v') };
    });
    tf.dispose(previous);
    for (const [domain, prefix] of [
      [a, 'replayA/'],
      [b, 'replayB/'],
    ] as const) {
      const count = Object.keys(tensors).filter((name) => name.startsWith(prefix)).length;
      domain.replay.restore(Array.from({ length: count }, (_, i) => upload(`${prefix}${i}`) as Tensor4D));
    }
    a.replay.random.position = position.replayA;
    b.replay.random.position = position.replayB;
    a.order.state = position.orderA;
    b.order.state = position.orderB;
    this.window.state = position.window;
    this.watch.state = position.collapse;
    this.updates = { ...position.updates };
    this.done = position.step;
  }

  /** Images of each class, the same ones for the same seed, [count, size, size, channels] in [-1, 1]. */
  fixedImages(count: number): { a: Float32Array; b: Float32Array } {
    const pick = ({ indices }: Domain) =>
      new Philox(this.config.seed, streams.samples).shuffle(indices.slice()).slice(0, count);
    return { a: readFaces(this.faces, pick(this.a)), b: readFaces(this.faces, pick(this.b)) };
  }

  dispose(): void {
    tf.dispose(this.state);
    tf.dispose(this.unread);
    this.unread = [];
    this.runner.dispose();
    this.a.replay.dispose();
    this.b.replay.dispose();
  }
}

const forEachNetwork = <Value>(make: (name: NetworkName) => Value): Record<NetworkName, Value> =>
  Object.fromEntries(networkNames.map((name) => [name, make(name)])) as Record<NetworkName, Value>;

function tensorName(network: Network, name: NetworkName, part: keyof NetworkState, index: number): string {
  const tensor = `${name}/${network.params[index]!.name}`;
  return part === 'weights' ? tensor : `${tensor}/${part}`;
}
