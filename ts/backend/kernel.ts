import * as tf from '@tensorflow/tfjs-core';
import type { KernelConfig, NamedAttrMap, NamedTensorInfoMap, TensorInfo } from '@tensorflow/tfjs-core';
import type { NativeDType } from './dtypes.js';
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

/** What a kernel asks of the backend that it runs on, where more than one has our native kernels. */
export interface KernelHost {
  /** A new tensor, for a native kernel to fill. */
  makeOutput(shape: readonly number[], dtype: NativeDType): TensorInfo;
  /**
   * Runs a native kernel. Inputs and outputs are passed with the shapes they carry here.
   * @throws Error naming the kernel, the shapes and the cause
   */
  run(kernel: string, inputs: readonly TensorInfo[], outputs: readonly TensorInfo[], attrs?: readonly number[]): void;
  /** The same tensor, as a reference that the caller owns. */
  retain(info: TensorInfo): TensorInfo;
  /** Gives back one reference to a tensor. */
  release(info: TensorInfo): void;
}

/** What a shared kernel is called with; inputs and attributes as tfjs passes them. */
export interface KernelCall {
  readonly inputs: NamedTensorInfoMap | TensorInfo[];
  readonly attrs: NamedAttrMap | undefined;
  readonly backend: KernelHost;
}

/** A kernel of the `native` backend that every other host of native kernels can run too. */
export interface SharedKernel extends KernelConfig {
  readonly compute: (call: KernelCall) => TensorInfo | TensorInfo[];
}

/** As {@link nativeKernel}, of a function that asks no more of its backend than a {@link KernelHost} has. */
export function sharedKernel<Inputs, Attrs = unknown>(
  kernelName: string,
  compute: (call: { inputs: Inputs; attrs: Attrs; backend: KernelHost }) => TensorInfo | TensorInfo[],
): SharedKernel {
  return {
    ...nativeKernel(kernelName, compute),
    compute: ({ inputs, attrs, backend }) =>
      compute({ inputs: inputs as unknown as Inputs, attrs: (attrs ?? {}) as unknown as Attrs, backend }),
  };
}

const ownKernels: SharedKernel[] = [];
const takers: ((kernel: SharedKernel) => void)[] = [];

/** Registers a kernel of one of the project's ops, with `native` and with whoever takes them ({@link takeOwnKernels}). */
export function registerOwnKernel(kernel: SharedKernel): void {
  tf.registerKernel(kernel);
  ownKernels.push(kernel);
  for (const take of takers) take(kernel);
}

/** Calls `take` with every kernel of the project's ops: with those there are, and with those that come later. */
export function takeOwnKernels(take: (kernel: SharedKernel) => void): void {
  takers.push(take);
  ownKernels.forEach(take);
}
