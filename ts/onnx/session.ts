import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { engines, onGpu } from '../backend/engine.js';
import { prepareProcess } from '../backend/tfjs-node/environment.js';
import { findPackage, notInstalled } from '../backend/tfjs-node/packages.js';
import { expected, firstLineOf, UserError } from '../base/errors.js';
import { generatorShape, readModelFile, type GeneratorShape, type ModelFile } from './model-file.js';
import type { SessionEngine } from './session-messages.js';
import { SessionThread } from './session-thread.js';

export const sessionEngines = ['auto', 'onnxruntime', ...engines] as const;
export const providers = ['auto', 'cuda', 'cpu'] as const;
export type Provider = (typeof providers)[number];

export interface SessionOptions {
  /**
   * onnxruntime, or an engine of tfjs's, which reads the file back as tfjs calls. auto: onnxruntime
   * where it runs on a GPU, else native, which is the fastest on a CPU, unless it cannot run the file.
   */
  engine?: (typeof sessionEngines)[number];
  /** auto: CUDA where onnxruntime has it, else the CPU. */
  provider?: Provider;
  /** Threads for one batch on the CPU. Default: one per core. */
  threads?: number;
}

/** A generator on a thread of its own. */
export interface GeneratorSession {
  readonly channels: 1 | 3;
  /** Side of the images that it was trained on, where the file says so. */
  readonly size: number | undefined;
  /** What runs it. */
  readonly engine: SessionEngine;
  /** Where: cuda or cpu. */
  readonly provider: 'cuda' | 'cpu';
  /** One line on a provider or an engine that was hoped for and is not there. */
  readonly note: string | undefined;
  /** The file's metadata_props. */
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * Translates `n` images of `size` pixels a side in [-1, 1], NCHW; takes over their memory.
   * Calls queue up and are answered in order.
   * @throws UserError for images that the generator does not take
   */
  run(images: Float32Array, n: number, size: number): Promise<Float32Array>;
  /** Ends the thread; calls that were not answered fail. */
  close(): Promise<void>;
}

/**
 * Opens a generator from an ONNX file of {@link exportOnnx}, or any that maps images
 * [n, channels, h, w] to images of that shape.
 * @throws UserError naming the file when it cannot be used, or saying what an engine or a provider needs
 */
export async function openGenerator(
  file: string,
  { engine = 'auto', provider = 'auto', threads }: SessionOptions = {},
): Promise<GeneratorSession> {
  if (!sessionEngines.includes(engine)) throw expected('the engine', `one of ${sessionEngines.join(', ')}`, engine);
  if (!providers.includes(provider)) throw expected('the provider', `one of ${providers.join(', ')}`, provider);
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1 && threads <= 1024))
    throw expected('the number of threads', 'an integer between 1 and 1024', threads);
  if (provider !== 'auto' && engine !== 'auto' && engine !== 'onnxruntime' && (provider === 'cuda') !== onGpu(engine))
    throw new UserError(
      `The ${engine} engine runs on the ${onGpu(engine) ? 'GPU: leave --provider out' : 'CPU: for CUDA, run with --engine onnxruntime or native-cuda'}.`,
    );
  const model = await readModelFile(file);
  const request: OpenRequest = { file, model, provider, threads };
  const { thread, ...opened } = await openEngine(engine, request);
  return sessionOf(thread, opened, request);
}

export interface OpenRequest {
  readonly file: string;
  readonly model: ModelFile;
  readonly provider: Provider;
  readonly threads: number | undefined;
}

type OpenedSession = Pick<GeneratorSession, 'engine' | 'provider' | 'note'>;
type OpenedThread = OpenedSession & { thread: SessionThread };

async function openEngine(engine: (typeof sessionEngines)[number], request: OpenRequest): Promise<OpenedThread> {
  generatorShape(request.model, request.file);
  const { file, provider } = request;
  if (engine === 'onnxruntime' || (engine === 'auto' && provider === 'cuda')) return openOnnxruntime(request);
  let note: string | undefined;
  if (engine === 'auto' && provider === 'auto' && existsSync(cudaLibrary())) {
    const opened = await openOnnxruntime(request);
    if (opened.provider === 'cuda') return opened;
    await opened.thread.close();
    note = opened.note;
  }
  if (engine === 'tfjs-node' || engine === 'tfjs-node-gpu') {
    if (!findPackage(engine)) throw notInstalled(engine);
    prepareProcess(request.threads);
  }
  const chosen = engine === 'auto' ? 'native' : engine;
  try {
    const opened = await openThread(chosen, request);
    return { thread: opened.thread, engine: chosen, provider: opened.provider, note };
  } catch (error) {
    const reason = `The ${chosen} engine cannot run ${file}: ${firstLine(error)}`;
    if (engine !== 'auto') throw new UserError(`${reason}. Run it with --engine onnxruntime.`);
    return { ...(await openOnnxruntime({ ...request, provider: 'cpu' })), note: `${reason}: using onnxruntime.` };
  }
}

/** Opens a model on a thread, which ends if that fails. */
async function openThread(engine: SessionEngine, { model, provider, threads }: OpenRequest) {
  const thread = new SessionThread(engine);
  try {
    return { thread, ...(await thread.open({ model: model.bytes, provider, threads })) };
  } catch (error) {
    await thread.close();
    throw error;
  }
}

/** Opens a model in onnxruntime. @throws UserError naming the file */
export async function openOnnxruntime(request: OpenRequest): Promise<OpenedThread> {
  let opened;
  try {
    opened = await openThread('onnxruntime', request);
  } catch (error) {
    throw new UserError(`onnxruntime cannot load ${request.file}: ${firstLineOf(error)}`);
  }
  const { thread, provider, missing } = opened;
  if (missing !== undefined && request.provider === 'cuda') {
    await thread.close();
    throw cudaMissing(missing);
  }
  const note = missing === undefined ? undefined : `CUDA is not available, using the CPU (${firstLine(missing)}).`;
  return { thread, engine: 'onnxruntime', provider, note };
}

function sessionOf(thread: SessionThread, opened: OpenedSession, { file, model }: OpenRequest): GeneratorSession {
  const shape: GeneratorShape = generatorShape(model, file);
  return {
    ...opened,
    channels: shape.channels,
    size: shape.size,
    metadata: model.metadata,
    async run(images, n, size) {
      if (shape.sizeFixed && size !== shape.size)
        throw new UserError(`${file} takes images of ${shape.size} pixels a side, not ${size}.`);
      try {
        const given = [n, shape.channels, size, size];
        const made = await thread.run({ images, shape: given, input: shape.input, output: shape.output });
        if (made.shape.join() !== given.join())
          throw new Error(`images of shape [${given.join(', ')}] came back as [${made.shape.join(', ')}]`);
        return made.values;
      } catch (error) {
        const images = `[${n}, ${shape.channels}, ${size}, ${size}]`;
        throw new UserError(`${file} failed on images ${images}: ${firstLine(error)}.`);
      }
    },
    close: () => thread.close(),
  };
}

/** Where onnxruntime looks for its CUDA provider. */
const cudaFolder = (): string => {
  const root = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
  return join(root, 'bin/napi-v6', process.platform, process.arch);
};

const cudaLibrary = (): string => join(cudaFolder(), 'libonnxruntime_providers_cuda.so');

function cudaMissing(cause: string): UserError {
  const remedy = existsSync(cudaLibrary())
    ? "It needs an NVIDIA driver (580 or newer), and in LD_LIBRARY_PATH CUDA 13's libraries and cuDNN 9"
    : 'npm run setup:cuda -- --onnxruntime brings it';
  return new UserError(
    `onnxruntime's CUDA provider is not available: ${firstLine(cause)}. ${remedy}. Or run with --provider cpu.`,
  );
}

/** Without the stop or colon at its end: it goes into a sentence. */
export const firstLine = (error: unknown): string => firstLineOf(error).replace(/[.:]$/, '');
