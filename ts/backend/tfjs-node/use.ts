import * as tf from '@tensorflow/tfjs-core';
import { firstLineOf, UserError } from '../../base/errors.js';
import { registerOwnGradients } from '../gradients.js';
import { useTensorflowKernels } from '../tensorflow/register.js';
import { prepareProcess } from './environment.js';
import { gpuProblem } from './gpu.js';
import { findPackage, notInstalled, setupCommand, type TfjsNodeEngine } from './packages.js';
import { takeNumberedPads } from './pads.js';

/** The name under which tfjs-node registers itself. */
const backendName = 'tensorflow';

let loaded: TfjsNodeEngine | undefined;

export interface TfjsNodeOptions {
  /** Of libtensorflow and of this project's kernels; they count the first time in a process. */
  threads?: number | undefined;
  /** Told, where this project's kernels are missing, why, in one line. */
  onNote?: ((note: string) => void) | undefined;
}

/**
 * Makes tfjs-node or tfjs-node-gpu, tfjs on libtensorflow, tfjs's current backend. A process can use
 * one of the two. On the CPU it runs this project's kernels where they are faster; without the addon,
 * TensorFlow's own.
 * @throws UserError saying what installs it where it is missing or does not load, or why the GPU is not used
 */
export async function useTfjsNode(engine: TfjsNodeEngine, options: TfjsNodeOptions = {}): Promise<void> {
  if (loaded !== undefined && loaded !== engine)
    throw new UserError(`The engine ${loaded} is in use: ${engine} needs a process of its own.`);
  if (loaded === undefined) load(engine, options.threads);
  await tf.setBackend(backendName);
  // libtensorflow falls back to the CPU without a word.
  if (engine === 'tfjs-node-gpu' && !(tf.backend() as unknown as { isUsingGpuDevice: boolean }).isUsingGpuDevice)
    throw new UserError(`The engine tfjs-node-gpu came up on the CPU: ${gpuProblem()}.`);
  try {
    useTensorflowKernels(options);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    options.onNote?.(`Engine ${engine} runs without this project's kernels: ${error.message}`);
  }
}

function load(engine: TfjsNodeEngine, threads?: number): void {
  const found = findPackage(engine);
  if (!found) throw notInstalled(engine);
  prepareProcess(threads);
  const isProduction = tf.env().getBool('PROD');
  try {
    // Else it tells of each kernel that both its copy of tfjs and ours have.
    tf.env().set('PROD', true);
    found.load();
  } catch (error) {
    throw new UserError(
      `The engine ${engine} does not load from ${found.folder}: ${firstLineOf(error)} Set it up anew: ${setupCommand(engine)}`,
    );
  } finally {
    tf.env().set('PROD', isProduction);
  }
  loaded = engine;
  registerOwnGradients();
  takeNumberedPads();
}
