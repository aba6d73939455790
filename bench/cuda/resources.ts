import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findToolkit, ownToolkit } from '../../scripts/cuda/toolkit.mjs';
import { UserError } from '../../ts/base/errors.js';
import { kernelNames } from './names.js';
import { multiprocessors, type Architecture } from './occupancy.js';

/** What the compiler gave a kernel, for one kind of GPU. */
export interface Resources {
  readonly name: string;
  readonly architecture: Architecture;
  /** Of a thread. */
  readonly registers: number;
  /** Bytes of a thread in memory: what does not fit into registers, and arrays that are indexed. */
  readonly local: number;
  /** Static shared memory of a block, in bytes. */
  readonly shared: number;
}

/** Asks cuobjdump what is in a library of kernels. @throws UserError where there is no cuobjdump */
export function readResources(library: string): Resources[] {
  const cuobjdump = [findToolkit(), ownToolkit()]
    .flatMap((toolkit) => (toolkit ? [join(dirname(toolkit.nvcc), 'cuobjdump')] : []))
    .find((path) => existsSync(path));
  if (cuobjdump === undefined)
    throw new UserError('cuobjdump was not found: npm run setup:cuda -- --own --no-build brings it.');
  return parseResources(
    execFileSync(cuobjdump, ['--dump-resource-usage', library], { encoding: 'utf8', maxBuffer: 2 ** 28 }),
  );
}

/** Reads what cuobjdump --dump-resource-usage prints. */
export function parseResources(dump: string): Resources[] {
  const found: Omit<Resources, 'name'>[] = [];
  const symbols: { mangled: string; file: string }[] = [];
  let architecture = '';
  let mangled = '';
  for (const line of dump.split('\n')) {
    architecture = /^arch = (\S+)/.exec(line)?.[1] ?? architecture;
    mangled = /^ Function (.*):$/.exec(line)?.[1] ?? mangled;
    const [, registers, stack, shared, local] = /^ *REG:(\d+) STACK:(\d+) SHARED:(\d+) LOCAL:(\d+)/.exec(line) ?? [];
    if (registers === undefined || !(architecture in multiprocessors)) continue;
    // nvcc names a file's anonymous namespace after the file.
    symbols.push({ mangled, file: /_GLOBAL__N__[0-9a-f]+_\d+_(\w+?)_cu_[0-9a-f]/.exec(mangled)?.[1] ?? '' });
    // From sm_90 on what the system keeps of each block's is counted in.
    const kept = architecture === 'sm_80' ? 0 : multiprocessors.sm_90.reserved;
    found.push({
      ...{ architecture: architecture as Architecture, registers: Number(registers) },
      ...{ local: Number(stack) + Number(local), shared: Math.max(0, Number(shared) - kept) },
    });
  }
  const names = kernelNames(symbols);
  return found.map((each, i) => ({ ...each, name: names[i]! }));
}
