import * as tf from '@tensorflow/tfjs-core';
import { backendName } from './kernel.js';
import { NativeBackend, type NativeBackendOptions } from './native-backend.js';
import { binaryKernels } from './kernels/binary.js';
import { complexKernels } from './kernels/complex.js';
import { convKernels } from './kernels/conv.js';
import { createKernels } from './kernels/create.js';
import { einsumKernels } from './kernels/einsum.js';
import { hostKernels } from './kernels/host.js';
import { imageKernels } from './kernels/image.js';
import { indexedKernels } from './kernels/indexed.js';
import { matmulKernels } from './kernels/matmul.js';
import { movementKernels } from './kernels/movement.js';
import { normaliseKernels } from './kernels/normalise.js';
import { poolKernels } from './kernels/pool.js';
import { reductionKernels } from './kernels/reduction.js';
import { unaryKernels } from './kernels/unary.js';

/** Every kernel of the native backend, one list per family (kernels/). */
export const families = [
  binaryKernels,
  complexKernels,
  convKernels,
  createKernels,
  einsumKernels,
  hostKernels,
  imageKernels,
  indexedKernels,
  matmulKernels,
  movementKernels,
  normaliseKernels,
  poolKernels,
  reductionKernels,
  unaryKernels,
];

let registered = false;

/** Registers the `native` backend and its kernels with tfjs, once, in tfjs's own way. The addon is loaded at first use. */
export function registerNativeBackend(options: NativeBackendOptions = {}): void {
  if (registered) return;
  registered = true;
  tf.registerBackend(backendName, () => new NativeBackend(options), 4);
  for (const kernel of families.flat()) tf.registerKernel(kernel);
}
