import type { z } from 'zod';
import * as tf from '@tensorflow/tfjs-core';
import { expected, UserError } from '../base/errors.js';
import { choice, type Option } from '../base/options.js';
import { precisions, type DeviceName, type Precision } from './binding.js';
import { deviceFromEnvironment, gpuFromEnvironment, openDevice } from './device.js';
import { registerGradients } from './gradients.js';
import { keepQuiet } from './host-kernel.js';
import { NativeBackend, type NativeBackendOptions } from './native-backend.js';
import { registerNativeBackend } from './register.js';
import { hasDriver } from './tfjs-node/gpu.js';
import { useTfjsNode } from './tfjs-node/use.js';

export { precisions, type Precision };

/** Where tensors live and kernels run. */
export const engines = ['native', 'native-cuda', 'tfjs-node-gpu', 'tfjs-node', 'cpu'] as const;
export type EngineName = (typeof engines)[number];

/** Whether an engine computes on a GPU. */
export const onGpu = (engine: string): boolean => engine === 'native-cuda' || engine === 'tfjs-node-gpu';

/** What each rounds large products to, where the machine has it. */
const precisionsOf: Readonly<Record<EngineChoice, readonly Precision[]>> = {
  auto: precisions,
  native: ['float32', 'bfloat16'],
  'native-cuda': precisions,
  'tfjs-node-gpu': ['float32'],
  'tfjs-node': ['float32'],
  cpu: ['float32'],
};

/** @throws UserError for a precision that an engine has on no machine */
export function checkPrecision(engine: EngineChoice, precision: Precision): void {
  const possible = precisionsOf[engine];
  if (!possible.includes(precision))
    throw expected('precision (--precision)', `${possible.join(' or ')} with engine ${engine}`, precision);
}

/** What may be asked for; auto is the fastest that works. */
export const engineChoices = ['auto', ...engines] as const;
export type EngineChoice = (typeof engineChoices)[number];

const cannotTrain = (backend: string): string =>
  `tfjs's ${backend} backend cannot train: it lacks kernels that gradients need, and generates only. ` +
  `Engines: ${engineChoices.join(', ')}.`;

/** Where the native engine may be asked to run, and the engine that is. */
export const engineOfDevice = { auto: 'auto', cpu: 'native', cuda: 'native-cuda' } as const;

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
 * project's addon, `native-cuda` the same on a GPU (npm run setup:cuda); `tfjs-node` and `tfjs-node-gpu` are tfjs on libtensorflow (npm run
 * setup:tensorflow); `cpu` is tfjs's own plain JavaScript backend, for parity and as a last resort
 * (it is very slow).
 * @param precision what large products round their factors to: bfloat16 is for engine native, on processors that have
 * it, and with tf32 for native-cuda
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
  checkPrecision(name, precision);
  registerGradients();
  if (name === 'auto') return chooseEngine(precision, options);
  await start[name](precision, options);
  return name;
}

/** Each makes its engine tfjs's current backend, or throws a UserError. */
const start: Readonly<Record<EngineName, (precision: Precision, options: EngineOptions) => Promise<void>>> = {
  native: (precision, options) => startNative(deviceFromEnvironment(), precision, options),
  'native-cuda': (precision, options) => startNative(gpuFromEnvironment(), precision, options),
  'tfjs-node-gpu': (_, { threads, onChosen }) => useTfjsNode('tfjs-node-gpu', { threads, onNote: onChosen }),
  'tfjs-node': (_, { threads, onChosen }) => useTfjsNode('tfjs-node', { threads, onNote: onChosen }),
  async cpu() {
    await import('@tensorflow/tfjs-backend-cpu');
    await tf.setBackend('cpu');
    keepQuiet(tf.backend());
  },
};

async function startNative(device: DeviceName, precision: Precision, { threads }: EngineOptions): Promise<void> {
  // First, since tfjs prints a line about an engine that does not start.
  const opened = openDevice(device, threads);
  if (opened !== device)
    throw new UserError(`The native engine runs on ${opened} in this process: ${device} needs a process of its own.`);
  registerNativeBackend({ device, threads });
  // tfjs swallows what a backend's constructor throws: construct it again to show the cause.
  if (!(await tf.setBackend('native'))) new NativeBackend({ device, threads });
  (tf.backend() as NativeBackend).precision = precision;
}

/** Fastest first, and why one would take it. */
const bySpeed = [
  ['native-cuda', 'the fastest on a GPU'],
  ['tfjs-node-gpu', 'it runs on the GPU'],
  ['native', 'the fastest on the CPU'],
  ['tfjs-node', 'the next fastest on the CPU'],
  ['cpu', 'the last resort, very slow'],
] as const satisfies readonly [EngineName, string][];

const noGpu = 'there is no NVIDIA GPU';

/** Takes the fastest engine that works; engine native alone computes in bfloat16. */
async function chooseEngine(precision: Precision, options: EngineOptions): Promise<EngineName> {
  const candidates = bySpeed.filter(([engine]) => precisionsOf[engine].includes(precision));
  const without: string[] = [];
  for (const [engine, merit] of candidates) {
    try {
      // Loading half a GB of libraries to find no GPU would take seconds.
      if (onGpu(engine) && !hasDriver()) {
        if (!without.includes(noGpu)) without.push(noGpu);
        continue;
      }
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
