import * as tf from '@tensorflow/tfjs-core';
import type { KernelConfig, NamedAttrMap, NamedTensorInfoMap, TensorInfo } from '@tensorflow/tfjs-core';
import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import type { NativeBackend } from './native-backend.js';

/** What tfjs hands to a kernel: tensors by name or position, absent ones, and for a few kernels lists of tensors. */
export type KernelInputs = NamedTensorInfoMap | TensorInfo[];

let cpu: MathBackendCPU | undefined;

/** Else a cpu backend's first tensor prints advice to install tfjs-node. */
export function keepQuiet(backend: unknown): void {
  (backend as { firstUse: boolean }).firstUse = false;
}

function hostBackend(): MathBackendCPU {
  if (!cpu) {
    cpu = new MathBackendCPU();
    keepQuiet(cpu);
  }
  return cpu;
}

/** Whether any tensor lives on the host alone: native kernels take float32, int32 and bool. */
export function anyOnHost(inputs: KernelInputs): boolean {
  const all: (TensorInfo | undefined | null)[] = Object.values(inputs);
  for (const input of all) if (input?.dtype === 'string' || input?.dtype === 'complex64') return true;
  return false;
}

/**
 * Runs a kernel of tfjs's own cpu backend: inputs are read back, outputs uploaded. For what is
 * rare, and for string and complex64 tensors. Not for training: it can't be captured.
 */
export function runOnHost(
  kernelName: string,
  inputs: KernelInputs,
  attrs: NamedAttrMap | undefined,
  backend: NativeBackend,
): TensorInfo | TensorInfo[] {
  // Typed as if it always found one.
  const config = tf.getKernel(kernelName, 'cpu') as KernelConfig | undefined;
  if (!config) throw new Error(`Neither the native backend nor tfjs's cpu backend has the kernel '${kernelName}'.`);
  const host = hostBackend();
  const held: TensorInfo[] = [];
  const hold = (info: TensorInfo): TensorInfo => {
    held.push(info);
    return info;
  };
  const down = (info: TensorInfo): TensorInfo => {
    if (info.dtype !== 'complex64')
      // A few of tfjs's kernels read `rank`, which tensors have and TensorInfo does not.
      return Object.assign(hold(host.makeTensorInfo(info.shape, info.dtype, backend.readSync(info.dataId))), {
        rank: info.shape.length,
      });
    const { real, imag } = backend.complexParts(info);
    const complex = tf.getKernel('Complex', 'cpu').kernelFunc;
    return hold(
      complex({
        inputs: { real: down({ ...real, shape: info.shape }), imag: down({ ...imag, shape: info.shape }) },
        backend: host,
      }) as TensorInfo,
    );
  };
  const up = (info: TensorInfo): TensorInfo => {
    const { dtype, shape } = info;
    if (dtype === 'complex64') {
      const { real, imag } = host.data.get(info.dataId).complexTensorInfos!;
      return backend.makeComplex(up({ ...real, shape }), up({ ...imag, shape }));
    }
    return { dataId: backend.write(host.readSync(info.dataId), shape, dtype), shape, dtype };
  };
  const each = (input: TensorInfo | TensorInfo[] | undefined | null): unknown =>
    Array.isArray(input) ? input.map(down) : input ? down(input) : input;
  try {
    const passed = Array.isArray(inputs)
      ? inputs.map(down)
      : Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, each(input)]));
    const result = config.kernelFunc({
      inputs: passed as NamedTensorInfoMap,
      ...(attrs ? { attrs } : {}),
      backend: host,
    });
    const outputs = (Array.isArray(result) ? result : [result]).map(hold);
    const uploaded = outputs.map(up);
    return Array.isArray(result) ? uploaded : uploaded[0]!;
  } finally {
    for (const info of held) host.disposeIntermediateTensorInfo(info);
  }
}

/** A kernel of the `native` backend that tfjs's cpu backend computes on host values. */
export function hostKernel(kernelName: string): KernelConfig {
  return {
    kernelName,
    backendName: 'native',
    kernelFunc: ({ inputs, attrs, backend }) => {
      const native = backend as NativeBackend;
      return native.guard(() => runOnHost(kernelName, inputs, attrs, native));
    },
  };
}

/** Tensors left on the host backend: none between kernels. */
export function hostTensors(): number {
  return cpu ? cpu.numDataIds() : 0;
}
