import * as tf from '@tensorflow/tfjs-core';
import type { KernelConfig, NamedTensorInfoMap, TensorInfo } from '@tensorflow/tfjs-core';
import { loadBinding } from '../binding.js';
import { isaFromEnvironment } from '../device.js';
import { takeOwnKernels, type SharedKernel } from '../kernel.js';
import { convKernels } from '../kernels/conv.js';
import { numericKernels } from '../kernels/unary.js';
import { threadsFromEnvironment } from '../threads.js';
import { TensorflowHost, type TensorflowBackend } from './tensorflow-host.js';

/** tfjs-node's name for its backend. */
const backendName = 'tensorflow';

/** Kernels that tfjs-node has as well, but slower; its Step is made of seven others. */
const replaced: readonly SharedKernel[] = [
  ...convKernels,
  ...numericKernels.filter(({ kernelName }) => kernelName === 'Step'),
];

/** Our kernels in the place of tfjs-node's, or beside them. */
class TensorflowKernels {
  private readonly host: TensorflowHost;
  private readonly all = new Map<string, { ours: KernelConfig; theirs: KernelConfig | undefined }>();
  private inUse = false;

  constructor(backend: TensorflowBackend, threads: number) {
    const native = loadBinding();
    this.host = new TensorflowHost(backend, native, native.registerTensorflowOps(isaFromEnvironment(), threads));
    for (const kernel of replaced) this.add(kernel);
    takeOwnKernels((kernel) => this.add(kernel));
  }

  private add({ kernelName, compute }: SharedKernel): void {
    const { host } = this;
    // Typed as if there always were one.
    const theirs = tf.getKernel(kernelName, backendName) as KernelConfig | undefined;
    const ours: KernelConfig = {
      kernelName,
      backendName,
      kernelFunc: (call) =>
        theirs && !allFloat(call.inputs)
          ? theirs.kernelFunc(call)
          : host.guard(() => compute({ inputs: call.inputs, attrs: call.attrs, backend: host })),
    };
    this.all.set(kernelName, { ours, theirs });
    if (this.inUse) put(kernelName, ours);
  }

  use(inUse: boolean): void {
    if (inUse === this.inUse) return;
    this.inUse = inUse;
    for (const [name, { ours, theirs }] of this.all) put(name, inUse ? ours : theirs);
  }
}

function put(kernelName: string, config: KernelConfig | undefined): void {
  if (tf.getKernel(kernelName, backendName) as KernelConfig | undefined) tf.unregisterKernel(kernelName, backendName);
  if (config) tf.registerKernel(config);
}

function allFloat(inputs: NamedTensorInfoMap): boolean {
  const all: (TensorInfo | null | undefined)[] = Object.values(inputs);
  return all.every((input) => !input || input.dtype === 'float32');
}

let kernels: TensorflowKernels | undefined;

/**
 * Gives tfjs-node, which must be tfjs's current backend, this project's kernels: those of its ops, and
 * its convolutions in place of TensorFlow's. They run as TensorFlow ops on TensorFlow's own tensors,
 * on threads of their own. They are for the CPU: a backend that uses a GPU stays as it is.
 * @param threads count the first time in a process. Default: RAREFACE_THREADS, else every core
 * @throws UserError for an addon that does not load; Error for a libtensorflow before 2.9
 */
export function useTensorflowKernels({ threads }: { threads?: number | undefined } = {}): void {
  const backend = tf.backend() as unknown as TensorflowBackend;
  if (backend.isUsingGpuDevice) return;
  kernels ??= new TensorflowKernels(backend, threads ?? threadsFromEnvironment());
  kernels.use(true);
}

/** Takes {@link useTensorflowKernels} back, for comparisons: from now on tfjs-node runs as it came. */
export function leaveTensorflowKernels(): void {
  kernels?.use(false);
}
