import * as tf from '@tensorflow/tfjs-core';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { PlanHandle } from '../binding.js';
import type { NativeBackend } from '../native-backend.js';
import { compile } from './compile.js';
import type { Value } from './recorder.js';
import { signatureOf, tensorsOf, type TensorTree } from './tensor-tree.js';
import { trace, type StepFunction, type Trace } from './trace.js';

interface Recording<Outputs> extends Pick<Trace<Outputs>, 'outputs' | 'assemble'> {
  readonly plan: PlanHandle;
  readonly arenaBytes: number;
  /** Constants, and tensors from outside of the function; the recording has a reference to each. */
  readonly fixed: readonly TensorInfo[];
}

/**
 * A step function on the `native` backend that is recorded once for each signature (places, shapes
 * and dtypes of its tensors; precision) and from then on run as one native call on another thread: no
 * JavaScript between kernels, memory planned once, state updated in place. Results are those of the
 * function itself, to the bit.
 */
export class Captured<State extends TensorTree, Inputs extends TensorTree, Outputs extends TensorTree> {
  private readonly recordings = new Map<string, Recording<Outputs>>();
  /** All recordings use the same: one runs at a time. */
  private arena: TensorInfo | undefined;

  constructor(
    private readonly backend: NativeBackend,
    private readonly step: StepFunction<State, Inputs, Outputs>,
  ) {}

  /**
   * Runs a step. The tensors of `state` stay the same ones and hold the new state afterwards; inputs
   * stay the caller's, who may dispose of them before the step has ended.
   * @returns new tensors
   * @throws Error for a function that cannot be recorded (see {@link trace}), for state that shares its
   * memory with another tensor, and what a kernel threw: the state is then of no use any more
   */
  async run(state: State, inputs: Inputs): Promise<Outputs> {
    const { backend } = this;
    const owned = tensorsOf(state);
    for (const { dataId } of owned)
      if (backend.refCount(dataId) !== 1) throw new Error('The state of a captured step is shared with other tensors.');
    const { plan, arenaBytes, outputs, assemble, fixed } = this.recordingFor(state, inputs);
    const arena = this.arenaOf(arenaBytes);
    const results = outputs.map(({ shape, dtype }) =>
      tf.engine().makeTensorFromTensorInfo(backend.makeOutput(shape, dtype)),
    );
    try {
      await backend.replay(plan, [arena, ...tensorsOf(inputs), ...owned, ...results, ...fixed]);
    } catch (error) {
      tf.dispose(results);
      throw error;
    }
    return assemble(results);
  }

  private recordingFor(state: State, inputs: Inputs): Recording<Outputs> {
    const signature = `${this.backend.precision} ${signatureOf(state)} | ${signatureOf(inputs)}`;
    let recording = this.recordings.get(signature);
    if (!recording) {
      const { program, ports, outputs, assemble } = trace(this.backend, this.step, state, inputs);
      const { arenaBytes, fixed, ...encoded } = compile(program, ports, this.backend);
      const plan = this.backend.plan(encoded);
      recording = { plan, arenaBytes, outputs, assemble, fixed: fixed.map((value) => this.holdFixed(value)) };
      this.recordings.set(signature, recording);
    }
    return recording;
  }

  private holdFixed({ constant, outer }: Value): TensorInfo {
    if (outer) return this.backend.alias({ dataId: outer, shape: [], dtype: 'float32' }, []);
    // What its elements are is no matter: calls say how they read it.
    const bytes = new Uint8Array(constant!.buffer, constant!.byteOffset, constant!.byteLength);
    return this.backend.makeTensor([bytes.length], 'bool', bytes);
  }

  private arenaOf(bytes: number): TensorInfo {
    const floats = Math.ceil(bytes / Float32Array.BYTES_PER_ELEMENT);
    if (!this.arena || this.arena.shape[0]! < floats) {
      if (this.arena) this.backend.release(this.arena);
      this.arena = this.backend.makeOutput([floats], 'float32');
    }
    return this.arena;
  }

  /** Frees what recordings hold. */
  dispose(): void {
    for (const { fixed } of this.recordings.values()) for (const info of fixed) this.backend.release(info);
    this.recordings.clear();
    if (this.arena) this.backend.release(this.arena);
    this.arena = undefined;
  }
}
