import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { PlanHandle } from '../../ts/backend/binding.js';
import { encode } from '../../ts/backend/capture/encode.js';
import type { Place } from '../../ts/backend/capture/memory-plan.js';
import { inSequence } from '../../ts/backend/capture/order.js';
import type { Call, Operand } from '../../ts/backend/capture/recorder.js';
import { dtypes, type NativeDType } from '../../ts/backend/dtypes.js';
import type { NativeBackend } from '../../ts/backend/native-backend.js';
import { Philox } from '../../ts/base/random.js';

/** The dtype of an operand. */
export const dtypeOf = ({ dtype }: Operand): NativeDType =>
  Object.entries(dtypes).find(([, number]) => number === dtype)![0] as NativeDType;

/** A recorded call alone, on tensors of its own. */
export class RepeatedCall {
  private readonly tensors: TensorInfo[] = [];
  private readonly places = new Map<number, Place>();

  constructor(
    private readonly backend: NativeBackend,
    private readonly call: Call,
  ) {
    for (const operand of [...call.inputs, ...call.outputs]) {
      if (this.places.has(operand.value)) continue;
      this.places.set(operand.value, { binding: this.tensors.length, offset: 0 });
      this.tensors.push(filled(backend, operand));
    }
  }

  /**
   * So many in a row as one plan, each of which waits for the one before it.
   * @returns what runs them and gives the milliseconds that it took
   */
  times(count: number): () => Promise<number> {
    const calls = Array.from({ length: count }, () => this.call);
    const encoded = encode(inSequence(calls), this.places, (kernel) => this.backend.kernelNumber(kernel));
    const plan: PlanHandle = this.backend.plan({ ...encoded, moving: new Int32Array() });
    return async () => {
      const start = performance.now();
      await this.backend.replay(plan, this.tensors);
      return performance.now() - start;
    };
  }

  dispose(): void {
    for (const info of this.tensors) this.backend.release(info);
  }
}

/** Numbers from 0 to 1, as an optimizer's moments must be; 0 where they are indices or truths. */
function filled(backend: NativeBackend, operand: Operand): TensorInfo {
  const { dims } = operand;
  const size = dims.reduce((a, b) => a * b, 1);
  const dtype = dtypeOf(operand);
  if (dtype !== 'float32')
    return backend.makeTensor(dims, dtype, dtype === 'bool' ? new Uint8Array(size) : new Int32Array(size));
  const random = new Philox(1);
  return backend.makeTensor(
    dims,
    dtype,
    Float32Array.from({ length: size }, () => random.uniform()),
  );
}
