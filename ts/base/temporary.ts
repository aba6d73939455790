import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';

/** A name beside the one that a folder gets when it is whole: `<final>.<host>-<pid>-<random>.tmp`. */
export const temporaryOf = (final: string): string =>
  `${final}.${hostname()}-${process.pid}-${randomBytes(4).toString('hex')}.tmp`;

/** Whether a process of this machine that has ended gave something that was to be `final` this temporary name. */
export function isLeftover(name: string, final: string): boolean {
  const prefix = `${final}.${hostname()}-`;
  if (!name.startsWith(prefix)) return false;
  const [, pid] = /^(\d+)-[0-9a-f]{8}\.tmp$/.exec(name.slice(prefix.length)) ?? [];
  return pid !== undefined && !isAlive(Number(pid));
}

/** Whether this machine has a process of that number. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
