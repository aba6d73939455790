// nvcc from Python wheels, laid out as an installed toolkit is.
import { mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { partialFolder, writeRecord } from '../wheels/folders.mjs';
import { pip } from '../wheels/pip.mjs';
import { SetupError } from '../wheels/setup-error.mjs';
import { fetchWheel } from '../wheels/wheel.mjs';
import { cudaFolder, toolkitFolder } from './places.mjs';
import { releaseOf } from './toolkit.mjs';

/** Those of CUDA 12 have no nvcc in them. cuobjdump, which reads what was compiled, began with 13.2. */
const compiler = {
  'nvidia-cuda-nvcc': '13.0.88',
  'nvidia-nvvm': '13.0.88',
  'nvidia-cuda-crt': '13.0.88',
  'nvidia-cuda-runtime': '13.0.96',
  'nvidia-cuda-cccl': '13.0.85',
  'nvidia-cuda-cuobjdump': '13.5.37',
};

/** Where kernels run: compute-sanitizer, for npm run test:cuda. */
const tools = { 'nvidia-cuda-sanitizer-api': '13.0.85' };

/** Versions of the wheels for a machine with a driver or without. */
export const wheelsFor = (driver) => (driver ? { ...compiler, ...tools } : compiler);

/** Fetches and unpacks the wheels, in a folder of its own that takes its place once nvcc answers. */
export async function installNvcc(wheels, say) {
  const partial = partialFolder(cudaFolder());
  try {
    const fetched = [];
    for (const [name, version] of Object.entries(wheels)) fetched.push(await fetchWheel(name, version, say));
    mkdirSync(partial, { recursive: true });
    say('unpacking nvcc...');
    pip(
      'install',
      ['--quiet', '--no-index', '--no-compile', '--target', partial],
      fetched.map(({ file }) => file),
    );
    const built = join(partial, 'nvidia', 'cu13');
    // The names that CMake and the linker look for.
    symlinkSync('lib', join(built, 'lib64'));
    symlinkSync('libcudart.so.13', join(built, 'lib', 'libcudart.so'));
    if (!releaseOf(join(built, 'bin/nvcc')))
      throw new SetupError('nvcc was unpacked but does not run on this machine.');
    writeRecord(built, {
      versions: wheels,
      wheels: fetched.map(({ name, sha256, bytes }) => ({ name, sha256, bytes })),
    });
    rmSync(toolkitFolder(), { recursive: true, force: true });
    renameSync(built, toolkitFolder());
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}
