import * as tf from '@tensorflow/tfjs-core';
import { firstLineOf, UserError } from '../../base/errors.js';
import { prepareProcess } from './environment.js';
import { gpuProblem } from './gpu.js';
import { findPackage, setupCommand, type TfjsNodeEngine } from './packages.js';
import { takeNumberedPads } from './pads.js';

/** The name under which tfjs-node registers itself. */
const backendName = 'tensorflow';

let loaded: TfjsNodeEngine | undefined;

/**
 * Makes tfjs-node or tfjs-node-gpu, tfjs on libtensorflow, tfjs's current backend. A process can use
 * one of the two.
 * @throws UserError saying what installs it where it is missing or does not load, or why the GPU is not used
 */
export async function useTfjsNode(engine: TfjsNodeEngine): Promise<void> {
  if (loaded !== undefined && loaded !== engine)
    throw new UserError(`The engine ${loaded} is in use: ${engine} needs a process of its own.`);
  if (loaded === undefined) load(engine);
  await tf.setBackend(backendName);
  // libtensorflow falls back to the CPU without a word.
  if (engine === 'tfjs-node-gpu' && !(tf.backend() as unknown as { isUsingGpuDevice: boolean }).isUsingGpuDevice)
    throw new UserError(`The engine tfjs-node-gpu came up on the CPU: ${gpuProblem()}.`);
}

function load(engine: TfjsNodeEngine): void {
  const found = findPackage(engine);
  if (!found) throw new UserError(`The engine ${engine} is not installed. Set it up: ${setupCommand(engine)}`);
  prepareProcess();
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
  takeNumberedPads();
}
