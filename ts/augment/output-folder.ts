import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdir, readdir, realpath, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { messageOf, UserError } from '../base/errors.js';
import { makeFolder } from '../base/files.js';

/** The file that every output folder holds. */
export const manifestName = 'manifest.csv';

/**
 * An output folder that appears whole or not at all: it is filled under a temporary name beside its
 * own, and renamed at the end. If the process ends before, the temporary folder is removed.
 */
export class OutputFolder {
  private readonly cleanUp = () => rmSync(this.temporary, { recursive: true, force: true });

  private constructor(
    private readonly out: string,
    /** Where the files go until `publish`. */
    readonly temporary: string,
    private readonly force: boolean,
  ) {
    process.once('exit', this.cleanUp);
  }

  /**
   * @param force whether an earlier output may be replaced
   * @throws UserError when it may not, or the folder cannot be made
   */
  static async open(out: string, force: boolean): Promise<OutputFolder> {
    // Of a link, the folder that it leads to is replaced, not the link.
    const target = await realpath(out).catch(() => resolve(out));
    await checkFree(target, force);
    await makeFolder(dirname(target));
    const temporary = `${target}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`;
    try {
      await mkdir(temporary);
    } catch (error) {
      throw new UserError(`Cannot make the folder ${out}: ${messageOf(error)}`);
    }
    return new OutputFolder(target, temporary, force);
  }

  /** Gives the folder its name. */
  async publish(): Promise<void> {
    await checkFree(this.out, this.force);
    const old = `${this.temporary}.old`;
    const replaces = await rename(this.out, old).then(
      () => true,
      () => false,
    );
    try {
      await rename(this.temporary, this.out);
    } catch (error) {
      if (replaces) await rename(old, this.out);
      throw new UserError(`Cannot write the folder ${this.out}: ${messageOf(error)}`);
    }
    if (replaces) await rm(old, { recursive: true, force: true });
    process.off('exit', this.cleanUp);
  }

  /** Removes what was written, unless it was published. */
  async discard(): Promise<void> {
    process.off('exit', this.cleanUp);
    await rm(this.temporary, { recursive: true, force: true });
  }
}

/**
 * @throws UserError where `out` is a file, or a folder that holds files, unless `force` is given
 * and it is an earlier output: a folder of anything else is never replaced
 */
export async function checkFree(out: string, force: boolean): Promise<void> {
  let names: string[];
  try {
    names = await readdir(out);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw new UserError(`Cannot use ${out} as the output folder: ${messageOf(error)}`);
  }
  if (names.length > 0 && force && !names.includes(manifestName))
    throw new UserError(
      `The folder ${out} is not replaced: it is no earlier output, for it holds no ${manifestName}. Name another with --out.`,
    );
  if (names.length > 0 && !force)
    throw new UserError(`The output folder ${out} is not empty: name another with --out, or replace it with --force.`);
}
