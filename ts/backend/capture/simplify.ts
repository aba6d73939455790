import { withoutDeadCode } from './dead-code.js';
import { withEarlyUpdates } from './early-updates.js';
import { chainKernel, withChains } from './elementwise-chains.js';
import { withGradientSums } from './gradient-sums.js';
import type { Call } from './recorder.js';

/** The kernels of the device that is to run a program. */
export interface Kernels {
  /** How many calls the device runs at the same time. */
  readonly lanes: number;
  has(kernel: string): boolean;
  /** The native number. */
  kernelNumber(kernel: string): number;
}

/**
 * Calls that give the same, to the bit, and suit the device better: fewer, or such that fewer wait.
 * @param wanted values that are read after the last call
 */
export function simplified(calls: readonly Call[], wanted: readonly number[], kernels: Kernels): Call[] {
  const needed = withGradientSums(withoutDeadCode(calls, wanted), wanted);
  const chained = kernels.has(chainKernel) ? withChains(needed, wanted) : needed;
  return kernels.lanes > 1 ? withEarlyUpdates(chained) : chained;
}
