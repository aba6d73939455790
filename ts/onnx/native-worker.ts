import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { loadBinding } from '../backend/binding.js';
import { useEngine } from '../backend/engine.js';
import { importGraph, type ImportedGraph } from './import/import.js';
import { decodeModel } from './proto.js';
import type { Opened, Work } from './session-messages.js';
import { checkShape, serveSession } from './session-port.js';

// The thread that runs a generator on the native backend, which it loads for itself.

let graph: ImportedGraph | undefined;

async function open({ model, threads }: Work<'open'>): Promise<Opened> {
  // First, since tfjs prints a line about an engine that does not start.
  loadBinding();
  await useEngine('native', 'float32', { threads });
  graph = importGraph(decodeModel(model).graph!);
  return { provider: 'cpu' };
}

// eslint-disable-next-line @typescript-eslint/require-await -- the contract of a session's thread
async function run({ images, shape }: Work<'run'>): Promise<Float32Array> {
  return tf.tidy(() => {
    const nchw = tf.tensor4d(images, shape as Tensor4D['shape'], 'float32');
    const made = tf.transpose(graph!.run(tf.transpose(nchw, [0, 2, 3, 1])), [0, 3, 1, 2]);
    checkShape(shape, made.shape);
    return made.dataSync<'float32'>();
  });
}

serveSession({ open, run });
