import * as tf from '@tensorflow/tfjs-core';
import type { KernelConfig, NamedAttrMap, NamedTensorInfoMap, TensorInfo } from '@tensorflow/tfjs-core';
import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import { keepQuiet, type KernelInputs } from '../backend/host-kernel.js';
import type { TraceBackend } from './trace-backend.js';

/** A kernel call whose inputs are all constants, computed by tfjs's cpu backend. @returns constants */
export function foldConstants(
  kernelName: string,
  inputs: KernelInputs,
  attrs: NamedAttrMap | undefined,
  trace: TraceBackend,
): TensorInfo | TensorInfo[] {
  const host = new MathBackendCPU();
  keepQuiet(host);
  const down = (info: TensorInfo): TensorInfo => ({
    ...host.makeTensorInfo(info.shape, info.dtype, trace.constant(info)!.values),
    // A few of tfjs's kernels read `rank`, which tensors have and TensorInfo does not.
    ...{ rank: info.shape.length },
  });
  const up = ({ dataId, shape, dtype }: TensorInfo): TensorInfo => ({
    dataId: trace.write(host.readSync(dataId), shape, dtype),
    shape,
    dtype,
  });
  const config: KernelConfig = tf.getKernel(kernelName, 'cpu');
  const result = config.kernelFunc({
    inputs: Array.isArray(inputs)
      ? (inputs.map(down) as unknown as NamedTensorInfoMap)
      : Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, input && down(input)])),
    attrs,
    backend: host,
  });
  return Array.isArray(result) ? result.map(up) : up(result);
}

/** The names of every kernel that {@link foldConstants} can compute. */
export function foldableKernels(): string[] {
  return tf.getKernelsForBackend('cpu').map(({ kernelName }) => kernelName);
}
