import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { expected, firstLineOf, UserError } from '../base/errors.js';
import { startWorker } from '../base/worker.js';
import { generatorShape, readModelFile } from './model-file.js';
import type { AnyWork, Opened, Reply, Request, Work } from './session-messages.js';

export const providers = ['auto', 'cuda', 'cpu'] as const;
export type Provider = (typeof providers)[number];

export interface SessionOptions {
  /** auto: CUDA where onnxruntime has it, else the CPU. */
  provider?: Provider;
  /** Threads for one batch on the CPU. Default: one per core. */
  threads?: number;
}

/** A generator in onnxruntime, on a thread of its own. */
export interface GeneratorSession {
  readonly channels: 1 | 3;
  /** Side of the images that it was trained on, where the file says so. */
  readonly size: number | undefined;
  /** What runs it: cuda or cpu. */
  readonly provider: 'cuda' | 'cpu';
  /** One line on a provider that was hoped for and is not there. */
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
 * @throws UserError naming the file when it cannot be used, or saying what a provider needs
 */
export async function openGenerator(
  file: string,
  { provider = 'auto', threads }: SessionOptions = {},
): Promise<GeneratorSession> {
  if (!providers.includes(provider)) throw expected('the provider', `one of ${providers.join(', ')}`, provider);
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1 && threads <= 1024))
    throw expected('the number of threads', 'an integer between 1 and 1024', threads);
  const model = await readModelFile(file);
  const shape = generatorShape(model, file);
  const thread = new SessionThread();
  try {
    const { provider: used, missing } = await open(thread, file, { model: model.bytes, provider, threads });
    if (missing !== undefined && provider === 'cuda') throw cudaMissing(missing);
    return {
      channels: shape.channels,
      size: shape.size,
      provider: used,
      note: missing === undefined ? undefined : `CUDA is not available, using the CPU (${firstLine(missing)}).`,
      metadata: model.metadata,
      async run(images, n, size) {
        if (shape.sizeFixed && size !== shape.size)
          throw new UserError(`${file} takes images of ${shape.size} pixels a side, not ${size}.`);
        try {
          return await thread.run({
            ...{ kind: 'run', images, shape: [n, shape.channels, size, size] },
            ...{ input: shape.input, output: shape.output },
          });
        } catch (error) {
          const images = `[${n}, ${shape.channels}, ${size}, ${size}]`;
          throw new UserError(`${file} failed on images ${images}: ${firstLine(error)}.`);
        }
      },
      close: () => thread.close(),
    };
  } catch (error) {
    await thread.close();
    throw error;
  }
}

async function open(thread: SessionThread, file: string, work: Omit<Work<'open'>, 'kind'>): Promise<Opened> {
  try {
    return await thread.open({ kind: 'open', ...work });
  } catch (error) {
    throw new UserError(`onnxruntime cannot load ${file}: ${firstLine(error)}`);
  }
}

function cudaMissing(cause: string): UserError {
  const root = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
  const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string };
  return new UserError(
    `onnxruntime's CUDA provider is not available: ${firstLine(cause)}. It needs an NVIDIA driver, and ` +
      'libonnxruntime_providers_cuda.so and libonnxruntime_providers_shared.so of the Python package ' +
      `onnxruntime-gpu ${version} in ${join(root, 'bin/napi-v6', process.platform, process.arch)}. Or run with --provider cpu.`,
  );
}

/** Without a full stop: it goes into a sentence. */
const firstLine = (error: unknown): string => firstLineOf(error).replace(/\.$/, '');

/** The session's thread, as promises. */
class SessionThread {
  private readonly worker: Worker;
  private readonly waiting = new Map<number, { resolve: (reply: Reply) => void; reject: (error: Error) => void }>();
  private requests = 0;
  private ended: Error | undefined;

  constructor() {
    this.worker = startWorker('session-worker.js', import.meta.url);
    this.worker.on('message', (reply: Reply) => this.settle(reply));
    this.worker.on('error', (error) => this.end(error));
    this.worker.on('exit', () => this.end(new Error('the session is closed')));
    // An idle session keeps no process alive.
    this.worker.unref();
  }

  async open(work: Work<'open'>): Promise<Opened> {
    return ((await this.ask(work, [])) as Extract<Reply, { opened: Opened }>).opened;
  }

  async run(work: Work<'run'>): Promise<Float32Array> {
    const reply = await this.ask(work, [work.images.buffer as ArrayBuffer]);
    return (reply as Extract<Reply, { images: Float32Array }>).images;
  }

  async close(): Promise<void> {
    await this.worker.terminate();
  }

  private ask(work: AnyWork, transfer: ArrayBuffer[]): Promise<Reply> {
    if (this.ended) return Promise.reject(this.ended);
    return new Promise((resolve, reject) => {
      const request: Request = { id: this.requests++, work };
      this.waiting.set(request.id, { resolve, reject });
      this.worker.ref();
      this.worker.postMessage(request, transfer);
    });
  }

  private settle(reply: Reply): void {
    const caller = this.waiting.get(reply.id)!;
    this.waiting.delete(reply.id);
    if (this.waiting.size === 0) this.worker.unref();
    if ('error' in reply) caller.reject(new Error(reply.error));
    else caller.resolve(reply);
  }

  private end(error: Error): void {
    this.ended ??= error;
    for (const { reject } of this.waiting.values()) reject(this.ended);
    this.waiting.clear();
  }
}
