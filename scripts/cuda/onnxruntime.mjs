// onnxruntime's CUDA provider: two files of its Python wheel, beside the library in onnxruntime-node.
import { existsSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { partialFolder, writeRecord, readRecord } from '../wheels/folders.mjs';
import { python, run } from '../wheels/pip.mjs';
import { SetupError } from '../wheels/setup-error.mjs';
import { fetchWheel } from '../wheels/wheel.mjs';

const files = ['libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so'];

/** onnxruntime-node's version, and the folder that its native library lies in; ts/onnx/session.ts looks there, too. */
export function onnxruntimeNode() {
  const require = createRequire(import.meta.url);
  let manifest;
  try {
    manifest = require.resolve('onnxruntime-node/package.json');
  } catch {
    throw new SetupError('onnxruntime-node is not installed: run npm install first.');
  }
  return {
    version: require(manifest).version,
    folder: join(dirname(manifest), 'bin/napi-v6', process.platform, process.arch),
  };
}

/** Both files come together or not at all; what is there of another version is replaced. */
export async function installProvider({ force }, say) {
  const { version, folder } = onnxruntimeNode();
  if (!force && readRecord(folder)?.version === version && files.every((name) => existsSync(join(folder, name)))) {
    say(`onnxruntime's CUDA provider ${version} is there`);
    return;
  }
  const wheel = await fetchWheel('onnxruntime-gpu', version, say);
  const partial = partialFolder(folder);
  try {
    const unpack = fileURLToPath(new URL('unpack_files.py', import.meta.url));
    const failed = run(python, [unpack, wheel.file, partial, ...files.map((name) => `onnxruntime/capi/${name}`)]);
    if (failed) throw new SetupError(`${wheel.name} could not be unpacked (${failed}).`);
    for (const name of files) renameSync(join(partial, name), join(folder, name));
    writeRecord(folder, { version, wheel: wheel.name, sha256: wheel.sha256 });
    say(
      `onnxruntime's CUDA provider ${version} is in ${folder}. It opens CUDA 13's cuBLAS, cuRAND and cuFFT and cuDNN 9, ` +
        'which come with a CUDA installation, from LD_LIBRARY_PATH',
    );
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

export function removeProvider() {
  const { folder } = onnxruntimeNode();
  for (const name of [...files, 'setup.json']) rmSync(join(folder, name), { force: true });
}
