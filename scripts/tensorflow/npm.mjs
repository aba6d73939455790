// What npm installs for the TensorFlow engines.
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SetupError } from '../wheels/setup-error.mjs';

/** The release of tfjs that the project is built on: backends must be of the same. */
const tfjsVersion = '4.22.0';

function npm(args, cwd) {
  const { status, stdout, stderr, error } = spawnSync(
    'npm',
    [...args, '--no-audit', '--no-fund', '--loglevel', 'error'],
    {
      cwd,
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
    },
  );
  if (status !== 0) throw new SetupError(`npm ${args.join(' ')} failed:\n${error?.message ?? `${stdout}${stderr}`}`);
}

/** Installs a package of tfjs's, without its install script, into a folder of its own. */
export function installPackage(folder, name) {
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  npm(['install', '--prefix', folder, '--ignore-scripts', `${name}@${tfjsVersion}`], folder);
}

/** A clean clone has nothing to train with yet, and an old build no such engine. */
export function installProject(root, say) {
  if (existsSync(join(root, 'dist/backend/tfjs-node/use.js'))) return;
  const args = existsSync(join(root, 'node_modules/typescript')) ? ['run', 'build:ts'] : ['install'];
  say(`npm ${args.join(' ')}, since the project is not built yet...`);
  npm(args, root);
}
