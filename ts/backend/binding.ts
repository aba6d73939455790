import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { messageOf, UserError } from '../base/errors.js';

/** The instruction set whose kernels were loaded. */
export type Isa = 'avx512' | 'avx2' | 'portable';

/** The native surface (native/addon/addon.cc). */
export interface NativeBinding {
  /** Loads the kernels for an instruction set ('' takes the best) and starts the threads; later calls return what is open. */
  open(isa: Isa | '', threads: number): { isa: Isa; threads: number; kernels: string[] };
  setThreads(threads: number): void;
  /** A new uninitialised buffer; ids start at 1. */
  allocate(bytes: number): number;
  release(id: number): void;
  /** Fills the whole buffer. */
  write(id: number, data: Float32Array | Int32Array | Uint8Array): void;
  /** A copy of the whole buffer. */
  read(id: number): ArrayBuffer;
  /** operands: [inputs, outputs, then for each: id, dtype, rank, dims...]. */
  run(kernel: number, operands: Int32Array, attrs: Float64Array, attrCount: number): void;
  memory(): { bytes: number; buffers: number; pooledBytes: number; peakBytes: number };
  /** Gives memory kept for reuse back to the system. */
  trim(): void;
}

const candidates = ['../../build/Release/rareface.node'];
let loaded: NativeBinding | undefined;

/** Loads the addon once. @throws UserError that lists what was tried and the command that builds it */
export function loadBinding(): NativeBinding {
  if (loaded) return loaded;
  const require = createRequire(import.meta.url);
  const tried: string[] = [];
  for (const candidate of candidates) {
    const path = fileURLToPath(new URL(candidate, import.meta.url));
    try {
      loaded = require(path) as NativeBinding;
      return loaded;
    } catch (error) {
      tried.push(`  ${path}: ${messageOf(error).split('\n')[0]}`);
    }
  }
  throw new UserError(
    `The native addon could not be loaded:\n${tried.join('\n')}\nBuild it with: npm run build:native`,
  );
}
