import * as tf from '@tensorflow/tfjs-core';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { type Precision } from '../ts/backend/binding.js';
import { useEngine } from '../ts/backend/engine.js';
import { leaveTensorflowKernels } from '../ts/backend/tensorflow/register.js';
import { firstLineOf } from '../ts/base/errors.js';

export const engineNames = ['native', 'tfjs-node', 'tfjs-node-plain', 'wasm', 'cpu'] as const;
export type EngineName = (typeof engineNames)[number];

/** A tfjs backend that takes part in a comparison. */
export interface Engine {
  readonly name: EngineName;
  /** In tables, e.g. "native bfloat16". */
  readonly title: string;
  readonly precision: Precision;
  /** Whether it has the kernels that gradients need. */
  readonly trains: boolean;
  /** Makes it tfjs's current backend. */
  use(): Promise<unknown>;
}

/** Thrown messages tell what is missing. */
const uses: Readonly<Record<EngineName, (precision: Precision) => Promise<unknown>>> = {
  native: (precision) => useEngine('native', precision),
  'tfjs-node': () => useEngine('tfjs-node'),
  'tfjs-node-plain': async () => {
    await useEngine('tfjs-node');
    leaveTensorflowKernels();
  },
  wasm: useWasm,
  cpu: () => useEngine('cpu'),
};

/** tfjs's wasm backend, which Node runs on one thread. */
async function useWasm(): Promise<void> {
  setWasmPaths(`${dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm'))}/`);
  await tf.setBackend('wasm');
}

const titles: Readonly<Record<EngineName, string>> = {
  native: 'native',
  'tfjs-node': 'tfjs-node, our kernels',
  'tfjs-node-plain': 'tfjs-node as it came',
  wasm: 'tfjs wasm',
  cpu: 'tfjs cpu',
};

const titleOf = (name: EngineName, precision: Precision): string =>
  precision === 'float32' ? titles[name] : `${titles[name]} ${precision}`;

/**
 * The engines that there are, native first, each in every precision that it has: all but native
 * compute in float32 alone.
 * @returns also a line for each that must be left out, and why
 */
export async function openEngines(
  names: readonly EngineName[],
  wanted: readonly Precision[] = ['float32'],
): Promise<{ engines: Engine[]; leftOut: string[] }> {
  const engines: Engine[] = [];
  const leftOut: string[] = [];
  for (const name of engineNames.filter((each) => names.includes(each)))
    for (const precision of name === 'native' ? wanted : (['float32'] as const)) {
      const title = titleOf(name, precision);
      const use = () => uses[name](precision);
      try {
        await use();
        engines.push({ name, title, precision, trains: name !== 'wasm', use });
      } catch (error) {
        leftOut.push(`${title} is left out: ${firstLineOf(error)}`);
      }
    }
  return { engines, leftOut };
}
