import type { KernelConfig, NamedAttrMap, NamedTensorInfoMap, TensorInfo } from '@tensorflow/tfjs-core';
import { anyOnHost, runOnHost } from './host-kernel.js';
import type { NativeBackend } from './native-backend.js';

export const backendName = 'native';

/**
 * A kernel of the `native` backend: what tfjs passes, typed by the caller.
 *
 * Calls with string or complex64 tensors go to tfjs's cpu kernel of that name, unless the kernel
 * says with `anyDtype` that it takes them. When `kernelFunc` throws, whatever it had allocated is
 * freed.
 */
export function nativeKernel<Inputs, Attrs = unknown>(
  kernelName: string,
  kernelFunc: (call: { inputs: Inputs; attrs: Attrs; backend: NativeBackend }) => TensorInfo | TensorInfo[],
  options: { anyDtype?: boolean } = {},
): KernelConfig {
  return {
    kernelName,
    backendName,
    kernelFunc: ({
      inputs,
      attrs,
      backend,
    }: {
      inputs: NamedTensorInfoMap;
      attrs?: NamedAttrMap;
      backend: unknown;
    }) => {
      const native = backend as NativeBackend;
      return native.guard(() =>
        !options.anyDtype && anyOnHost(inputs)
          ? runOnHost(kernelName, inputs, attrs, native)
          : kernelFunc({
              inputs: inputs as unknown as Inputs,
              attrs: (attrs ?? {}) as unknown as Attrs,
              backend: native,
            }),
      );
    },
  };
}
