// Formats the C++ sources in place, or with --check fails where one is not formatted. Versions of
// clang-format disagree, so one is pinned: the one on PATH if it is that, else the PyPI wheel, which
// is installed under .cache at the first use.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './addon/record.mjs';

const version = '19.1.7';

function hasVersion(command) {
  const { stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' });
  return stdout?.includes(`version ${version}`) ?? false;
}

/** The pinned clang-format, in a virtual environment of its own. */
function fromPyPI() {
  const folder = join(root, '.cache', `clang-format-${version}`);
  const command = join(folder, 'bin', 'clang-format');
  if (existsSync(command) && hasVersion(command)) return command;
  mkdirSync(join(root, '.cache'), { recursive: true });
  const python = process.env.PYTHON ?? 'python3';
  for (const [tool, args] of [
    [python, ['-m', 'venv', folder]],
    [join(folder, 'bin', 'pip'), ['install', '--quiet', '--disable-pip-version-check', `clang-format==${version}`]],
  ]) {
    const { status, stderr, stdout } = spawnSync(tool, args, { encoding: 'utf8' });
    if (status === 0) continue;
    console.error(
      `clang-format ${version} could not be installed (${tool} ${args.join(' ')}):\n${stdout ?? ''}${stderr ?? ''}\n` +
        'Install Python with its venv module (apt-get install -y python3-venv), or clang-format itself.',
    );
    process.exit(1);
  }
  return command;
}

const files = ['native', 'test/native']
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true }).map((name) => join(root, folder, name.toString())),
  )
  .filter((file) => /\.(cc|h|cu|cuh)$/.test(file));
const command = hasVersion('clang-format') ? 'clang-format' : fromPyPI();
const mode = process.argv.includes('--check') ? ['--dry-run', '-Werror'] : ['-i'];
const { status } = spawnSync(command, [...mode, ...files], { stdio: 'inherit' });
process.exit(status ?? 1);
