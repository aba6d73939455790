import type { DataId } from '@tensorflow/tfjs-core';

/** A tensor of a call: which value, and how the call looks at it. */
export interface Operand {
  readonly value: number;
  /** The native number of the dtype. */
  readonly dtype: number;
  readonly dims: readonly number[];
}

/** One native kernel call. */
export interface Call {
  readonly kernel: string;
  /** The native number of the precision it was made with. */
  readonly precision: number;
  readonly inputs: readonly Operand[];
  readonly outputs: readonly Operand[];
  readonly attrs: readonly number[];
}

/** What calls read and write: made during the recording, or there before it. */
export interface Value {
  readonly bytes: number;
  /** Written from the host during the recording: the same in every run. */
  readonly constant?: Float32Array | Int32Array | Uint8Array;
  /** A tensor that is no input of the function: weights of a frozen network, for one. */
  readonly outer?: DataId;
}

/** The calls of a function of tensors, in order; `values` by number. */
export interface Program {
  readonly values: readonly Value[];
  readonly calls: readonly Call[];
}

/** A tensor as the backend passes it while it records. */
export interface SeenTensor {
  readonly dataId: DataId;
  /** Below 0: made by {@link Recorder.allocate}. */
  readonly id: number;
  readonly dtype: number;
  readonly bytes: number;
  readonly dims: readonly number[];
}

/**
 * Notes what a function would have run. Nothing is computed: buffers are numbers below 0, and
 * whoever asks for their contents gets an error.
 */
export class Recorder implements Program {
  readonly values: Value[] = [];
  readonly calls: Call[] = [];
  private readonly outer = new Map<DataId, number>();

  /** A buffer's id, below 0. */
  allocate(bytes: number): number {
    return -this.values.push({ bytes });
  }

  /** The value that a tensor is. */
  valueOf({ dataId, id, bytes }: SeenTensor): number {
    return id < 0 ? madeValue(id) : this.outerValue(dataId, bytes);
  }

  /** Fills a buffer of {@link allocate}. */
  write(id: number, values: Float32Array | Int32Array | Uint8Array): void {
    const value = madeValue(id);
    this.values[value] = { ...this.values[value]!, constant: values.slice() };
  }

  call(
    kernel: string,
    precision: number,
    inputs: readonly SeenTensor[],
    outputs: readonly SeenTensor[],
    attrs: readonly number[],
  ): void {
    const operand = (tensor: SeenTensor): Operand => ({
      value: this.valueOf(tensor),
      dtype: tensor.dtype,
      dims: [...tensor.dims],
    });
    this.calls.push({
      kernel,
      precision,
      inputs: inputs.map(operand),
      outputs: outputs.map(operand),
      attrs: [...attrs],
    });
  }

  private outerValue(dataId: DataId, bytes: number): number {
    let value = this.outer.get(dataId);
    if (value === undefined) {
      value = this.values.push({ bytes, outer: dataId }) - 1;
      this.outer.set(dataId, value);
    }
    return value;
  }
}

/** The value behind an id of {@link Recorder.allocate}. */
const madeValue = (id: number): number => -id - 1;
