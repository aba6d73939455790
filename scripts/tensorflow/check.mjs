// Whether an engine trains: the project's own command, on the smallest networks, in a process of its own.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../addon/record.mjs';
import { SetupError } from '../wheels/setup-error.mjs';

const engines = { cpu: 'tfjs-node', gpu: 'tfjs-node-gpu' };

/** What useTfjsNode (ts/backend/tfjs-node/use.ts) says where everything loads but there is no GPU. */
const noGpu = /came up on the CPU: (.*)/;

/**
 * Trains a step on the engine in a folder of {@link tensorflowFolder}'s form.
 * @returns what came of it, in words
 */
export function checkEngine(kind, folder) {
  const runs = mkdtempSync(join(tmpdir(), 'rareface-check-'));
  const small = ['--base-width', '4', '--growth', '4', '--discriminator-width', '4', '--samples', '1'];
  try {
    const started = performance.now();
    const { status, signal, stderr } = spawnSync(
      process.execPath,
      [
        ...[join(root, 'dist/cli/train.js'), '--engine', engines[kind], '--max-steps', '1', '--runs', runs, ...small],
        ...['--data', 'synthetic', '--perceptual-alpha', '0', '--perceptual-beta', '1'],
      ],
      { cwd: runs, encoding: 'utf8', env: { ...process.env, RAREFACE_TENSORFLOW: folder } },
    );
    if (status === 0)
      return `a step on ${engines[kind]} trained and its generators exported, in ${((performance.now() - started) / 1000).toFixed(1)} s with all loading`;
    const missing = kind === 'gpu' && noGpu.exec(stderr)?.[1];
    if (missing) return `it loads, but cannot be used on this machine: ${missing}`;
    throw new SetupError(`training a step on ${engines[kind]} failed (${signal ?? status}):\n${stderr.trim()}`);
  } finally {
    rmSync(runs, { recursive: true, force: true });
  }
}
