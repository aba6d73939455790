import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { firstLineOf, UserError } from '../base/errors.js';

/** Instruction sets that kernels are built for, the best first; must match supported_isas in native/runtime. */
export const isas = ['avx512', 'avx2', 'portable'] as const;
export type Isa = (typeof isas)[number];

/** What kernels round the factors of large products to; must match Precision in native/runtime/kernel.h. */
export const precisions = ['float32', 'bfloat16', 'tf32'] as const;
export type Precision = (typeof precisions)[number];

/** Calls that the addon can run again; freed with this object. */
export interface PlanHandle {
  readonly plan: unique symbol;
}

/** Where the kernels of the native backend run. cuda-emulated is the CPU again, playing a GPU: for tests. */
export const devices = ['cpu', 'cuda', 'cuda-emulated'] as const;
export type DeviceName = (typeof devices)[number];

/** What a kernel library was opened with; kernels by their numbers, precisions by their index in `precisions`. */
export interface OpenedKernels {
  /** '' on a GPU. */
  readonly isa: Isa | '';
  readonly threads: number;
  readonly precisions: readonly number[];
  readonly kernels: readonly string[];
}

/** What the native backend was opened with. */
export interface OpenedDevice extends OpenedKernels {
  readonly device: DeviceName;
  /** As people know it: "NVIDIA H200, 132 multiprocessors". */
  readonly description: string;
}

/** The native surface (native/addon/addon.cc). */
export interface NativeBinding {
  /**
   * Loads the kernels for a device (on the CPU for an instruction set, '' takes the best) and starts it; later calls
   * return what is open.
   */
  open(device: DeviceName, isa: Isa | '', threads: number): OpenedDevice;
  setThreads(threads: number): void;
  /** An index in `precisions`, for the calls from now on. */
  setPrecision(precision: number): void;
  /** A new uninitialised buffer; ids start at 1. */
  allocate(bytes: number): number;
  release(id: number): void;
  /** Fills the whole buffer. */
  write(id: number, data: Float32Array | Int32Array | Uint8Array): void;
  /** A copy of the whole buffer. */
  read(id: number): ArrayBuffer;
  /** operands: [inputs, outputs, then for each: id, dtype, rank, dims...]. */
  run(kernel: number, operands: Int32Array, attrs: Float64Array, attrCount: number): void;
  /** Calls as native/runtime/plan.h describes them. */
  plan(calls: Int32Array, attrs: Float64Array, turns: Int32Array, moving: Int32Array): PlanHandle;
  /** Runs a plan on another thread, on these buffers. Other calls that run kernels or read these buffers wait. */
  replay(plan: PlanHandle, buffers: Int32Array): Promise<void>;
  memory(): { bytes: number; buffers: number; pooledBytes: number; peakBytes: number };
  /** Gives memory kept for reuse back to the system. */
  trim(): void;
  /**
   * Registers every kernel as an op of the libtensorflow that this process has loaded (native/tensorflow/ops.h),
   * with threads of their own: once a process, later calls return what the first opened.
   */
  registerTensorflowOps(isa: Isa | '', threads: number): OpenedKernels & { readonly version: string };
  /** How many of these ops ran; of the last its tensors' addresses, and what it threw, or ''. */
  lastTensorflowCall(): { calls: number; inputs: bigint[]; outputs: bigint[]; failure: string };
}

let loaded: NativeBinding | undefined;

/** The addon's file: the one that RAREFACE_ADDON names, else the one that `npm install` built. */
export const addonPath = (): string =>
  resolve(
    process.env['RAREFACE_ADDON'] ?? fileURLToPath(new URL('../../build/Release/rareface.node', import.meta.url)),
  );

/**
 * Loads the addon once.
 * @throws UserError that names the file, the cause and the command that builds it
 */
export function loadBinding(): NativeBinding {
  if (loaded) return loaded;
  try {
    loaded = createRequire(import.meta.url)(addonPath()) as NativeBinding;
    return loaded;
  } catch (error) {
    const cause = firstLineOf(error);
    throw new UserError(`The native addon could not be loaded: ${cause} Build it with: npm run build:native`);
  }
}
