import type { z } from 'zod';
import * as tf from '@tensorflow/tfjs-core';
import { expected, UserError } from '../base/errors.js';
import { choice, type Option } from '../base/options.js';
import { loadBinding, precisions, type Precision } from './binding.js';
import { registerGradients } from './gradients.js';
import { keepQuiet } from './host-kernel.js';
import { NativeBackend, type NativeBackendOptions } from './native-backend.js';
import { registerNativeBackend } from './register.js';
import { hasDriver } from './tfjs-node/gpu.js';
import { useTfjsNode } from './tfjs-node/use.js';

export { precisions, type Precision };

/** Where tensors live and kernels run. */
export const engines = ['native', 'tfjs-node-gpu', 'tfjs-node', 'cpu'] as const;
export type EngineName = (typeof engines)[number];

/** What may be asked for; auto is the fastest that works. */
export const engineChoices = ['auto', ...engines] as const;
export type EngineChoice = (typeof engineChoices)[number];

const cannotTrain = (backend: string): string =>
  `tfjs's ${backend} backend cannot train: it lacks kernels that gradients need, and generates only. ` +
  `Engines: ${engineChoices.join(', ')}.`;

/** The option `engine` of what trains. */
export const engineOption: Option<z.ZodType<EngineChoice>> = {
  ...choice(engineChoices, 'where the arithmetic happens; auto: the fastest that works'),
  refusals: Object.fromEntries(['wasm', 'webgpu', 'webgl'].map((name) => [name, cannotTrain(name)])),
};

export interface EngineOptions extends Pick<NativeBackendOptions, 'threads'> {
  /** Told in one line what was not asked for: which engine auto took, and why; that an engine lacks kernels. */
  onChosen?: (note: string) => void;
}

/**
 * Makes an engine tfjs's current backend, and registers the gradients of tfjs's ops. `native` is this
 * project's addon; `tfjs-node` and `tfjs-node-gpu` are tfjs on libtensorflow (npm run
 * setup:tensorflow); `cpu` is tfjs's own plain JavaScript backend, for parity and as a last resort
 * (it is very slow).
 * @param precision what large products round their factors to: bfloat16 is for engine native, on processors that have it
 * @param options threads are the native engine's; they count when it is made, the first time
 * @returns the engine, which may have been chosen by auto
 * @throws UserError for an unknown name, an engine that is not there or does not start (with the command
 * that installs it), a GPU engine that finds no GPU, or a precision that is not to be had
 */
export async function useEngine(
  name: EngineChoice,
  precision: Precision = 'float32',
  options: EngineOptions = {},
): Promise<EngineName> {
  if (!engineChoices.includes(name)) throw expected('the engine', `one of ${engineChoices.join(', ')}`, name);
  if (!precisions.includes(precision)) throw expected('the precision', `one of ${precisions.join(', ')}`, precision);
  if (precision !== 'float32' && name !== 'native' && name !== 'auto')
    throw expected('the precision', `float32 with engine ${name} (bfloat16 is for engine native)`, precision);
  registerGradients();
  if (name === 'auto') return chooseEngine(precision, options);
  await start[name](precision, options);
  return name;
}

/** Each makes its engine tfjs's current backend, or throws a UserError. */
const start: Readonly<Record<EngineName, (precision: Precision, options: EngineOptions) => Promise<void>>> = {
  async native(precision, options) {
    // First, since tfjs prints a line about an engine that does not start.
    loadBinding();
    registerNativeBackend(options);
    // tfjs swallows what a backend's constructor throws: construct it again to show the cause.
    if (!(await tf.setBackend('native'))) new NativeBackend(options);
    (tf.backend() as NativeBackend).precision = precision;
  },
  'tfjs-node-gpu': (_, { threads, onChosen }) => useTfjsNode('tfjs-node-gpu', { threads, onNote: onChosen }),
  'tfjs-node': (_, { threads, onChosen }) => useTfjsNode('tfjs-node', { threads, onNote: onChosen }),
  async cpu() {
    await import('@tensorflow/tfjs-backend-cpu');
    await tf.setBackend('cpu');
    keepQuiet(tf.backend());
  },
};

/** Fastest first, and why one would take it. */
const bySpeed = [
  ['tfjs-node-gpu', 'it runs on the GPU'],
  ['native', 'the fastest on the CPU'],
  ['tfjs-node', 'the next fastest on the CPU'],
  ['cpu', 'the last resort, very slow'],
] as const satisfies readonly [EngineName, string][];

/** Takes the fastest engine that works; engine native alone computes in bfloat16. */
async function chooseEngine(precision: Precision, options: EngineOptions): Promise<EngineName> {
  const candidates = precision === 'float32' ? bySpeed : [['native', `it computes in ${precision}`] as const];
  const without: string[] = [];
  for (const [engine, merit] of candidates) {
    try {
      // Loading half a GB of libraries to find no GPU would take seconds.
      if (engine === 'tfjs-node-gpu' && !hasDriver()) throw new UserError('there is no NVIDIA GPU');
      await start[engine](precision, options);
      options.onChosen?.(`Engine ${engine}: ${[merit, ...without].join('; ')}.`);
      return engine;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      without.push(error.message.replace(/\.$/, ''));
    }
  }
  throw new UserError(`No engine works: ${without.join('; ')}.`);
}
