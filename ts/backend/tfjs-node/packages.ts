import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '../../base/errors.js';

/** The engines that are tfjs's packages for libtensorflow, with the folder of each in the one that the set-up fills. */
const kinds = { 'tfjs-node': 'cpu', 'tfjs-node-gpu': 'gpu' } as const;
export type TfjsNodeEngine = keyof typeof kinds;

export interface TfjsNodePackage {
  readonly name: string;
  readonly folder: string;
  /** Loads it. */
  load(): unknown;
}

/** What installs an engine. */
export const setupCommand = (engine: TfjsNodeEngine): string =>
  `npm run setup:tensorflow${engine === 'tfjs-node-gpu' ? ' -- --gpu' : ''}`;

/** What is said where it is missing. */
export const notInstalled = (engine: TfjsNodeEngine): UserError =>
  new UserError(`The engine ${engine} is not installed. Set it up: ${setupCommand(engine)}`);

/** Where `npm run setup:tensorflow` puts it; scripts/tensorflow/places.mjs says the same. */
const setupFolder = (): string =>
  resolve(process.env['RAREFACE_TENSORFLOW'] ?? fileURLToPath(new URL('../../../.tensorflow', import.meta.url)));

/**
 * An engine's package: the one that was set up, else the one that a user has, in node_modules or
 * along NODE_PATH.
 */
export function findPackage(engine: TfjsNodeEngine): TfjsNodePackage | undefined {
  const name = `@tensorflow/${engine}`;
  const setUp = join(setupFolder(), kinds[engine], 'package.json');
  for (const from of [...(existsSync(setUp) ? [setUp] : []), import.meta.url]) {
    const require = createRequire(from);
    try {
      const folder = dirname(require.resolve(`${name}/package.json`));
      return { name, folder, load: (): unknown => require(name) };
    } catch {
      // Not here.
    }
  }
  return undefined;
}
