// TensorFlow's Python wheels: downloaded by pip as the machine has it configured, kept, checked and unpacked.
import { spawnSync } from 'node:child_process';
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
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SetupError } from './npm.mjs';
import { megabytes } from './places.mjs';

/** Wheels stay here, for other checkouts and the next time. */
export const cacheFolder = () => join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'rareface', 'wheels');

const python = process.env.PYTHON ?? 'python3';

/** Checksums that were seen when this was written. Others are pip's to check against its index. */
const knownSums = {
  'tensorflow_cpu-2.15.1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl':
    '54660c074d7241a503e81edfd9f5ef5af88f64051b72e2945f26318c790f2d26',
};

async function sha256(file) {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 2 ** 20 })) hash.update(chunk);
  return hash.digest('hex');
}

/** Runs Python in the open. */
function run(command, args) {
  const { status, signal } = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  return status === 0 ? undefined : `${command} ${args.slice(0, 3).join(' ')} ended with ${signal ?? status}`;
}

/** How to call pip: the machine's, or one in an environment of its own where Python has none. */
function findPip() {
  const works = (command, ...args) => spawnSync(command, args, { encoding: 'utf8' }).status === 0;
  if (works(python, '-m', 'pip', '--version')) return python;
  const venv = join(cacheFolder(), 'pip');
  const own = join(venv, 'bin', 'python3');
  if (works(own, '-m', 'pip', '--version')) return own;
  if (works(python, '-m', 'venv', '--clear', venv)) return own;
  throw new SetupError(
    `pip, which downloads TensorFlow's wheel, was not found. Install it and try again:\n\n    apt-get install -y python3-pip\n`,
  );
}

/** The platforms whose wheels this machine's C library runs. */
function platforms() {
  const [, minor] = (process.report.getReport().header.glibcVersionRuntime ?? '2.17').split('.').map(Number);
  return Array.from({ length: Math.max(0, minor - 16) }, (_, i) => `manylinux_2_${17 + i}_x86_64`).concat(
    'manylinux2014_x86_64',
  );
}

/**
 * The wheel of a version: the one that was kept if it still is what it was, else downloaded beside
 * its place and moved there. Which Python it is for is no matter: libtensorflow is the same in all.
 */
export async function fetchWheel(name, version, say) {
  const cache = cacheFolder();
  mkdirSync(cache, { recursive: true });
  const prefix = `${name.replaceAll('-', '_')}-${version}-`;
  const kept = readdirSync(cache).find((file) => file.startsWith(prefix) && file.endsWith('.whl'));
  if (kept) {
    const file = join(cache, kept);
    const sum = await sha256(file);
    if (
      existsSync(`${file}.sha256`) &&
      readFileSync(`${file}.sha256`, 'utf8').trim() === sum &&
      (knownSums[kept] ?? sum) === sum
    ) {
      say(`found ${file} (${megabytes(statSync(file).size)}, checksum right)`);
      return { file, name: kept, sha256: sum, bytes: statSync(file).size };
    }
    say(`${file} is not what was downloaded: downloading it again`);
    rmSync(file);
  }
  const pip = findPip();
  const partial = join(cache, `partial-${process.pid}`);
  try {
    const args = [
      '-m',
      'pip',
      'download',
      '--no-deps',
      '--only-binary=:all:',
      '--no-cache-dir',
      '--disable-pip-version-check',
    ];
    const wanted = [
      '--python-version',
      '3.11',
      '--implementation',
      'cp',
      ...platforms().flatMap((each) => ['--platform', each]),
    ];
    const resuming = resumes(pip) ? ['--resume-retries', '10'] : [];
    say(`downloading ${name} ${version}...`);
    const failed = run(pip, [...args, ...wanted, ...resuming, '--dest', partial, `${name}==${version}`]);
    if (failed) throw new SetupError(`pip could not download ${name} ${version} (${failed}); its messages are above.`);
    const [downloaded] = readdirSync(partial);
    const sum = await sha256(join(partial, downloaded));
    if ((knownSums[downloaded] ?? sum) !== sum)
      throw new SetupError(
        `${downloaded} has the checksum ${sum}, expected ${knownSums[downloaded]}: the download is broken or was tampered with.`,
      );
    const file = join(cache, downloaded);
    writeFileSync(`${file}.sha256`, `${sum}\n`);
    renameSync(join(partial, downloaded), file);
    return { file, name: downloaded, sha256: sum, bytes: statSync(file).size };
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

/** Whether this pip goes on with a download that broke off. */
function resumes(pip) {
  const help = spawnSync(pip, ['-m', 'pip', 'download', '--help'], { encoding: 'utf8' }).stdout;
  return help.includes('--resume-retries');
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
