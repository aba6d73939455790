import type { KernelConfig, NamedAttrMap, NamedTensorInfoMap, TensorInfo } from '@tensorflow/tfjs-core';
import type { NativeBackend } from './native-backend.js';

export const backendName = 'native';

/** A kernel of the `native` backend: what tfjs passes, typed by the caller. */
export function nativeKernel<Inputs, Attrs = unknown>(
  kernelName: string,
  kernelFunc: (call: { inputs: Inputs; attrs: Attrs; backend: NativeBackend }) => TensorInfo | TensorInfo[],
): KernelConfig {
  return {
    kernelName,
    backendName,
    kernelFunc: ({ inputs, attrs, backend }: { inputs: NamedTensorInfoMap; attrs?: NamedAttrMap; backend: unknown }) =>
      kernelFunc({
        inputs: inputs as unknown as Inputs,
        attrs: (attrs ?? {}) as unknown as Attrs,
        backend: backend as NativeBackend,
      }),
  };
}
