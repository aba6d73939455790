import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** Builds what tests need from the sources and a checkout may lack. */
export async function setup(): Promise<void> {
  if (!existsSync(at('dist/tfjs-gradients.cjs'))) await import(at('scripts/bundle-gradients.mjs'));
  // Where it cannot be built it says why, and the tests that need it fail.
  spawnSync(process.execPath, [at('scripts/build-emulator.mjs')], { stdio: 'inherit' });
}
