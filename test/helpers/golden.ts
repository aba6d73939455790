import { fileURLToPath } from 'node:url';
import type { HostParams } from '../../ts/models/network.js';
import { readWeights } from '../../ts/models/weights.js';

export interface Golden {
  /** The file's tensors whose names start so, by the rest of their names. */
  under(prefix: string): HostParams;
  /** A metadata entry of the file, which is JSON. */
  metadata(key: string): unknown;
}

/** Reads test/golden/<name>. */
export async function readGolden(name: string): Promise<Golden> {
  const { params, metadata } = await readWeights(fileURLToPath(new URL(`../golden/${name}`, import.meta.url)));
  return {
    under: (prefix) =>
      Object.fromEntries(
        Object.entries(params).flatMap(([key, value]) =>
          key.startsWith(prefix) ? [[key.slice(prefix.length), value]] : [],
        ),
      ),
    metadata: (key) => JSON.parse(metadata[key]!) as unknown,
  };
}
