// The NVIDIA driver of this machine.
import { spawnSync } from 'node:child_process';

/** What a program of a CUDA release needs at least, on Linux: NVIDIA's release notes, table 3 of each. */
const leastDrivers = { 12: 525, 13: 580 };

/** @returns {{ version: string, gpus: string[] } | undefined} undefined where there is none */
export function findDriver() {
  const { status, stdout } = spawnSync('nvidia-smi', ['--query-gpu=driver_version,name', '--format=csv,noheader'], {
    encoding: 'utf8',
  });
  if (status !== 0) return undefined;
  const rows = stdout.trim().split('\n').filter(Boolean);
  const cells = rows.map((row) => row.split(', '));
  return cells[0] && { version: cells[0][0], gpus: cells.map(([, name]) => name) };
}

/** @returns why a driver cannot run what a toolkit of this release compiles; undefined where it can */
export function driverTooOld(driver, release) {
  const least = leastDrivers[release.split('.')[0]];
  if (least === undefined || Number.parseInt(driver.version, 10) >= least) return undefined;
  return (
    `the NVIDIA driver ${driver.version} is older than ${least}, which programs of CUDA ${release} need: ` +
    'update it, or install a CUDA toolkit of its age (12.0 or newer) and run this again'
  );
}
