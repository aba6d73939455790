// pip, which downloads as the machine has it configured: its index, mirrors, proxies and certificates.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { SetupError } from './setup-error.mjs';

export const python = process.env.PYTHON ?? 'python3';

/** What is downloaded stays here, for other checkouts and the next time. */
export const cacheFolder = () => join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'rareface', 'wheels');

/** Runs a command in the open. @returns what went wrong */
export function run(command, args) {
  const { status, signal } = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  return status === 0 ? undefined : `${command} ${args.slice(0, 3).join(' ')} ended with ${signal ?? status}`;
}

const answers = (command, ...args) => spawnSync(command, args, { encoding: 'utf8' }).status === 0;

/** Since 25.1, pip goes on with a download that broke off. */
function resumes(command) {
  const { stdout } = spawnSync(command, ['-m', 'pip', 'download', '--help'], { encoding: 'utf8' });
  return (stdout ?? '').includes('--resume-retries');
}

/**
 * The Python whose pip to use: the machine's if it resumes downloads, else one in an environment of
 * its own with a newer pip, else the machine's all the same.
 */
function findPip() {
  if (resumes(python)) return python;
  const venv = join(cacheFolder(), 'pip');
  const own = join(venv, 'bin', 'python3');
  if (resumes(own)) return own;
  mkdirSync(cacheFolder(), { recursive: true });
  if (answers(python, '-m', 'venv', '--clear', venv)) {
    answers(own, '-m', 'pip', 'install', '--quiet', '--upgrade', 'pip');
    return own;
  }
  if (answers(python, '-m', 'pip', '--version')) return python;
  throw new SetupError(
    `pip, which downloads what is set up, was not found. Install it and try again:\n\n    apt-get install -y python3-pip\n`,
  );
}

/** Wheels that this machine's C library runs. For which Python is no matter: nothing here runs in it. */
function wheelChoice() {
  const [, minor] = (process.report.getReport().header.glibcVersionRuntime ?? '2.17').split('.').map(Number);
  const versions = Array.from({ length: Math.max(0, minor - 16) }, (_, i) => `manylinux_2_${17 + i}_x86_64`);
  const platforms = [...versions, 'manylinux2014_x86_64'].flatMap((each) => ['--platform', each]);
  return ['--no-deps', '--only-binary=:all:', '--python-version', '3.11', '--implementation', 'cp', ...platforms];
}

/**
 * `pip download` or `pip install` of wheels, with its progress in the open. pip compares each with
 * the checksum that its index gives.
 * @param into the arguments that say where they go
 */
export function pip(command, into, requirements) {
  const python = findPip();
  const quiet = ['--no-cache-dir', '--disable-pip-version-check'];
  const resuming = resumes(python) ? ['--resume-retries', '10'] : [];
  const failed = run(python, ['-m', 'pip', command, ...wheelChoice(), ...quiet, ...resuming, ...into, ...requirements]);
  if (failed)
    throw new SetupError(`pip could not ${command} ${requirements.join(', ')} (${failed}); its messages are above.`);
}
