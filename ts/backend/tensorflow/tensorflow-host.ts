import type { DataId, DataStorage, KernelBackend, TensorInfo } from '@tensorflow/tfjs-core';
import { precisions, type NativeBinding, type OpenedKernels } from '../binding.js';
import type { NativeDType } from '../dtypes.js';
import type { KernelHost } from '../kernel.js';
import { checkShape } from '../shape.js';
import { CallEncoder } from './encode-call.js';

/** What is used here of tfjs-node's backend (tfjs-node 4, src/nodejs_kernel_backend.ts). */
export interface TensorflowBackend extends KernelBackend {
  readonly binding: {
    readonly TF_FLOAT: number;
    readonly TF_INT32: number;
    readonly TF_ATTR_INT: number;
    /** @returns an id; the tensor may share the array's memory */
    createTensor(shape: readonly number[], dtype: number, values: Int32Array): number;
    deleteTensor(id: number): void;
    executeOp(name: string, attrs: readonly OpAttr[], inputs: readonly number[], outputs: number): TensorMetadata[];
  };
  readonly isUsingGpuDevice: boolean;
  readonly tensorMap: DataStorage<TensorData>;
  getInputTensorIds(tensors: readonly TensorInfo[]): number[];
}

interface OpAttr {
  readonly name: string;
  readonly type: number;
  readonly value: number;
}

interface TensorMetadata {
  readonly id: number;
  readonly shape: number[];
  readonly dtype: number;
}

interface TensorData extends TensorMetadata {
  readonly values: null;
  readonly refCount: number;
}

/** Runs native kernels as TensorFlow ops (native/tensorflow/ops.h) on tensors of tfjs-node: float32 alone. */
export class TensorflowHost implements KernelHost {
  private readonly kernelNumbers: ReadonlyMap<string, number>;
  private readonly encoder = new CallEncoder();
  /** Tensors that the running kernel made. */
  private made: DataId[] = [];

  constructor(
    private readonly backend: TensorflowBackend,
    private readonly native: NativeBinding,
    { kernels }: OpenedKernels,
  ) {
    this.kernelNumbers = new Map(kernels.map((name, number) => [name, number]));
  }

  /** A tensor that is none yet: the op that fills it makes it. */
  makeOutput(shape: readonly number[], dtype: NativeDType): TensorInfo {
    checkShape(shape);
    return { dataId: {}, shape: shape as number[], dtype };
  }

  run(
    kernel: string,
    inputs: readonly TensorInfo[],
    outputs: readonly TensorInfo[],
    attrs: readonly number[] = [],
  ): void {
    const { backend } = this;
    const { binding } = backend;
    const number = this.kernelNumbers.get(kernel);
    if (number === undefined) throw new Error(`There is no native kernel '${kernel}'.`);
    const numbers = this.encoder.encode(number, precisions.indexOf('float32'), inputs, outputs, attrs);
    const call = binding.createTensor([numbers.length], binding.TF_INT32, numbers);
    let results: TensorMetadata[];
    try {
      results = binding.executeOp(
        `Rareface${kernel}`,
        [
          { name: 'N', type: binding.TF_ATTR_INT, value: inputs.length },
          { name: 'M', type: binding.TF_ATTR_INT, value: outputs.length },
        ],
        [call, ...backend.getInputTensorIds(inputs)],
        outputs.length,
      );
    } catch (error) {
      // tfjs-node cuts messages off: ask for the rest, if it is of this call.
      const { failure } = this.native.lastTensorflowCall();
      const ours = failure !== '' && String(error).includes(failure.slice(0, 100));
      throw ours ? new Error(failure, { cause: error }) : error;
    } finally {
      binding.deleteTensor(call);
    }
    results.forEach(({ id, shape, dtype }, i) => {
      const { dataId } = outputs[i]!;
      backend.tensorMap.set(dataId, { id, shape, dtype, values: null, refCount: 1 });
      this.made.push(dataId);
    });
  }

  retain(info: TensorInfo): TensorInfo {
    this.backend.incRef(info.dataId);
    return { ...info };
  }

  release({ dataId }: TensorInfo): void {
    this.backend.disposeData(dataId);
  }

  /** Runs one kernel's host code; if it throws, what it made is freed. */
  guard<Result>(kernel: () => Result): Result {
    this.made = [];
    try {
      return kernel();
    } catch (error) {
      for (const dataId of this.made) this.backend.disposeData(dataId, true);
      throw error;
    }
  }
}
