// Python wheels: downloaded, checked and kept.
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
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { knownSums } from './checksums.mjs';
import { megabytes, partialFolder } from './folders.mjs';
import { cacheFolder, pip } from './pip.mjs';
import { SetupError } from './setup-error.mjs';

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
