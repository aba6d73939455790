// The CUDA toolkit that compiles the kernels: an installed one, or the one that was set up.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { toolkitFolder } from './places.mjs';

/** C++20 on the device began with this release. */
const oldest = [12, 0];

const atLeast = ([major, minor], [wantedMajor, wantedMinor]) =>
  major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);

/** @returns the release that an nvcc calls itself, [12, 8]; undefined where it does not run */
export function releaseOf(nvcc) {
  const { status, stdout } = spawnSync(nvcc, ['--version'], { encoding: 'utf8' });
  const release = status === 0 ? /release (\d+)\.(\d+)/.exec(stdout) : null;
  return release ? [Number(release[1]), Number(release[2])] : undefined;
}

/** Where an installed nvcc may lie, with who says so. */
function* candidates() {
  const { CUDACXX, CUDA_HOME, CUDA_PATH, PATH = '' } = process.env;
  if (CUDACXX) yield [CUDACXX, 'CUDACXX'];
  for (const folder of PATH.split(delimiter)) if (folder) yield [join(folder, 'nvcc'), 'PATH'];
  if (CUDA_HOME) yield [join(CUDA_HOME, 'bin/nvcc'), 'CUDA_HOME'];
  if (CUDA_PATH) yield [join(CUDA_PATH, 'bin/nvcc'), 'CUDA_PATH'];
  yield ['/usr/local/cuda/bin/nvcc', 'its usual place'];
}

/**
 * An installed toolkit that is new enough, else the one that `npm run setup:cuda` brought.
 * @param say told of an installed one that is too old
 * @returns {{ nvcc: string, folder: string, release: string, from: string } | undefined}
 */
export function findToolkit(say = () => {}) {
  for (const [nvcc, from] of candidates()) {
    if (!existsSync(nvcc)) continue;
    const release = releaseOf(nvcc);
    if (!release) continue;
    if (atLeast(release, oldest)) return describe(nvcc, release, `named by ${from}`);
    say(`${nvcc} is of CUDA ${release.join('.')}; ${oldest.join('.')} or newer is needed`);
  }
  return ownToolkit();
}

/** The one that was set up. */
export function ownToolkit() {
  const nvcc = join(toolkitFolder(), 'bin/nvcc');
  const release = existsSync(join(toolkitFolder(), 'setup.json')) ? releaseOf(nvcc) : undefined;
  return release && describe(nvcc, release, 'set up from Python wheels');
}

const describe = (nvcc, release, from) => ({
  ...{ nvcc, folder: dirname(dirname(nvcc)) },
  ...{ release: release.join('.'), from },
});
