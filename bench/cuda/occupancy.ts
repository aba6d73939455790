/** What a multiprocessor gives to the blocks that run on it at the same time. */
export interface Multiprocessor {
  readonly warps: number;
  readonly blocks: number;
  readonly registers: number;
  /** Bytes, of which every block takes `reserved` for the system. */
  readonly shared: number;
  readonly reserved: number;
}

const common = { warps: 64, blocks: 32, registers: 65536, reserved: 1024 };

/** CUDA C++ Programming Guide, "Technical Specifications per Compute Capability". */
export const multiprocessors = {
  sm_80: { ...common, shared: 164 * 1024 },
  sm_90: { ...common, shared: 228 * 1024 },
  sm_100: { ...common, shared: 228 * 1024 },
} as const satisfies Record<string, Multiprocessor>;

export type Architecture = keyof typeof multiprocessors;

const roundUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;

/** A block, as what limits how many of it run at once. */
export interface Block {
  readonly threads: number;
  /** Of a thread. */
  readonly registers: number;
  /** Static and dynamic shared memory in bytes, without what the system reserves. */
  readonly shared: number;
}

/**
 * Blocks that run on a multiprocessor at once, and the share of its warps that they fill, by the rules
 * of CUDA's own cuda_occupancy.h: registers are given to warps in units of 256 from four equal parts,
 * shared memory comes in units of 128 bytes.
 */
export function occupancy(
  multiprocessor: Multiprocessor,
  { threads, registers, shared }: Block,
): { blocks: number; share: number } {
  const warps = Math.ceil(threads / 32);
  const parts = 4;
  const ofWarp = roundUp(Math.max(registers, 1) * 32, 256);
  const byRegisters = Math.floor((parts * Math.floor(multiprocessor.registers / parts / ofWarp)) / warps);
  const byShared = Math.floor(multiprocessor.shared / roundUp(shared + multiprocessor.reserved, 128));
  const byWarps = Math.floor(multiprocessor.warps / warps);
  const blocks = Math.min(multiprocessor.blocks, byRegisters, byShared, byWarps);
  return { blocks, share: (blocks * warps) / multiprocessor.warps };
}
