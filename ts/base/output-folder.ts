import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdir, readdir, realpath, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { messageOf, UserError } from './errors.js';
import { makeFolder } from './files.js';

export interface OutputFolderOptions {
  /** Whether an earlier output may be replaced. */
  readonly force: boolean;
  /** The file by which an earlier output is known. */
  readonly marker: string;
}

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
    private readonly options: OutputFolderOptions,
  ) {
    process.once('exit', this.cleanUp);
  }

  /**
   * @throws UserError when an earlier output may not be replaced, or the folder cannot be made
   */
  static async open(out: string, options: OutputFolderOptions): Promise<OutputFolder> {
    // Of a link, the folder that it leads to is replaced, not the link.
    const target = await realpath(out).catch(() => resolve(out));
    await checkFree(target, options);
    await makeFolder(dirname(target));
    const temporary = `${target}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`;
    try {
      await mkdir(temporary);
    } catch (error) {
      throw new UserError(`Cannot make the folder ${out}: ${messageOf(error)}`);
    }
    return new OutputFolder(target, temporary, options);
  }

  /** Gives the folder its name. */
  async publish(): Promise<void> {
    await checkFree(this.out, this.options);
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
export async function checkFree(out: string, { force, marker }: OutputFolderOptions): Promise<void> {
  let names: string[];
  try {
    names = await readdir(out);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw new UserError(`Cannot use ${out} as the output folder: ${messageOf(error)}`);
  }
  if (names.length > 0 && force && !names.includes(marker))
    throw new UserError(
      `The folder ${out} is not replaced: it is no earlier output, for it holds no ${marker}. Name another with --out.`,
    );
  if (names.length > 0 && !force)
    throw new UserError(`The output folder ${out} is not empty: name another with --out, or replace it with --force.`);
}
