// What TensorFlow's wheel has, where tfjs-node looks for it.
import { readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pip, python, run } from '../wheels/pip.mjs';
import { SetupError } from '../wheels/setup-error.mjs';

/** libtensorflow and the headers of its C API into `deps` of tfjs-node's folder. */
export function unpackWheel(wheel, packageFolder) {
  const deps = join(packageFolder, 'deps');
  const failed = run(python, [fileURLToPath(new URL('unpack.py', import.meta.url)), wheel, deps]);
  if (failed) throw new SetupError(`${wheel} could not be unpacked (${failed}).`);
  // What the linker looks for.
  for (const [link, library] of [
    ['libtensorflow.so', 'libtensorflow_cc.so.2'],
    ['libtensorflow_framework.so', 'libtensorflow_framework.so.2'],
  ])
    symlinkSync(library, join(deps, 'lib', link));
}

/** CUDA's and cuDNN's libraries where libtensorflow looks for them: `nvidia` beside its own folder. */
export function installCuda(packageFolder) {
  const deps = join(packageFolder, 'deps');
  const requirements = readFileSync(join(deps, 'cuda-requirements.txt'), 'utf8').split('\n').filter(Boolean);
  if (requirements.length === 0) throw new SetupError('this wheel names no CUDA packages: leave --cuda out.');
  pip('install', ['--target', deps], requirements);
}
