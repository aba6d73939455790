// TensorFlow's Python wheels: downloaded, kept, checked and unpacked.
import { createHash } from 'node:crypto';
import {
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SetupError } from './npm.mjs';
import { cacheFolder, pip, python, run } from './pip.mjs';
import { megabytes, partialFolder } from './places.mjs';

/** Checksums of the wheels of the default versions; pip compares the others with its index alone. */
const knownSums = {
  'tensorflow_cpu-2.15.1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl':
    '54660c074d7241a503e81edfd9f5ef5af88f64051b72e2945f26318c790f2d26',
  'tensorflow-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl':
    '9056fbc9ba04235810b71ae6cbd958a196e8804fb53bbcffbf3e23b56155f124',
};

async function sha256(file) {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 2 ** 20 })) hash.update(chunk);
  return hash.digest('hex');
}

const describeWheel = (file, name, sum) => ({ file, name, sha256: sum, bytes: statSync(file).size });

/** The wheel of a version: the one that was kept if it still is what it was, else downloaded. */
export async function fetchWheel(name, version, say) {
  const cache = cacheFolder();
  mkdirSync(cache, { recursive: true });
  const prefix = `${name.replaceAll('-', '_')}-${version}-`;
  const kept = readdirSync(cache).find((file) => file.startsWith(prefix) && file.endsWith('.whl'));
  if (kept) {
    const file = join(cache, kept);
    const sum = await sha256(file);
    const noted = existsSync(`${file}.sha256`) ? readFileSync(`${file}.sha256`, 'utf8').trim() : undefined;
    if (noted === sum && (knownSums[kept] ?? sum) === sum) {
      say(`found ${file} (${megabytes(statSync(file).size)}, checksum right)`);
      return describeWheel(file, kept, sum);
    }
    say(`${file} is not what was downloaded: downloading it again`);
    rmSync(file);
  }
  return download(cache, name, version, say);
}

/** Downloads beside its place, and moves it there. */
async function download(cache, name, version, say) {
  const partial = partialFolder(cache);
  try {
    say(`downloading ${name} ${version}...`);
    pip('download', ['--dest', partial], [`${name}==${version}`]);
    const [downloaded] = readdirSync(partial);
    const sum = await sha256(join(partial, downloaded));
    if ((knownSums[downloaded] ?? sum) !== sum)
      throw new SetupError(
        `${downloaded} has the checksum ${sum}, expected ${knownSums[downloaded]}: the download is broken or was tampered with.`,
      );
    const file = join(cache, downloaded);
    writeFileSync(`${file}.sha256`, `${sum}\n`);
    renameSync(join(partial, downloaded), file);
    return describeWheel(file, downloaded, sum);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

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
