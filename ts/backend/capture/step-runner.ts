import * as tf from '@tensorflow/tfjs-core';
import { NativeBackend } from '../native-backend.js';
import { Captured } from './captured.js';
import type { TensorTree } from './tensor-tree.js';
import type { StepFunction } from './trace.js';

/**
 * Runs a step function again and again on the engine that is current at its start: on `native` it
 * is recorded and replayed ({@link Captured}), elsewhere it is called. Both give the same bits.
 */
export class StepRunner<State extends TensorTree, Inputs extends TensorTree, Outputs extends TensorTree> {
  private readonly captured: Captured<State, Inputs, Outputs> | undefined;

  /** @param capture false: call the function on every engine */
  constructor(
    private readonly step: StepFunction<State, Inputs, Outputs>,
    { capture = true }: { capture?: boolean } = {},
  ) {
    const backend = tf.backend();
    if (capture && backend instanceof NativeBackend) this.captured = new Captured(backend, step);
  }

  /** Takes `state` over: go on with the one that comes back. Inputs stay the caller's. */
  async run(state: State, inputs: Inputs): Promise<{ state: State; outputs: Outputs }> {
    if (this.captured) return { state, outputs: await this.captured.run(state, inputs) };
    const result = tf.tidy(() => this.step(state, inputs) as tf.TensorContainerObject) as {
      state: State;
      outputs: Outputs;
    };
    tf.dispose(state as tf.TensorContainerObject);
    return result;
  }

  dispose(): void {
    this.captured?.dispose();
  }
}
