import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { StepRunner } from '../backend/capture/step-runner.js';
import { onGpu, useEngine, type EngineName } from '../backend/engine.js';
import { importGraph } from './import/import.js';
import { decodeModel } from './proto.js';
import type { Made, Opened, Work } from './session-messages.js';
import { serveSession } from './session-port.js';

// The thread that runs a generator on an engine of tfjs's, which it loads for itself.

let runner: StepRunner<object, { nchw: Tensor4D }, { made: Tensor4D }> | undefined;

async function open({ engine, model, threads }: Work<'open'>): Promise<Opened> {
  await useEngine(engine as EngineName, 'float32', { threads });
  const graph = importGraph(decodeModel(model).graph!);
  runner = new StepRunner((state, { nchw }) => ({
    state,
    outputs: { made: tf.transpose(graph.run(tf.transpose(nchw, [0, 2, 3, 1])), [0, 3, 1, 2]) },
  }));
  return { provider: onGpu(engine) ? 'cuda' : 'cpu' };
}

async function run({ images, shape }: Work<'run'>): Promise<Made> {
  const nchw = tf.tensor4d(images, shape as Tensor4D['shape'], 'float32');
  const { outputs } = await runner!.run({}, { nchw });
  const values = await outputs.made.data<'float32'>();
  tf.dispose([nchw, outputs.made]);
  return { values, shape: outputs.made.shape };
}

serveSession({ open, run });
