import { existsSync, rmSync } from 'node:fs';
import { mkdir, readdir, realpath, rename, rm } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { messageOf, UserError } from './errors.js';
import { isLitter, makeFolder, parentOf } from './files.js';
import { isLeftover, temporaryOf } from './temporary.js';

/** Ends the name of an earlier output while another takes its place. */
const replaced = '.old';

export interface OutputFolderOptions {
  /** Whether an earlier output may be replaced. */
  readonly force: boolean;
  /** The file by which an earlier output is known. */
  readonly marker: string;
  /** Paths within a folder of all that an earlier output there wrote; none where the marker is not its own. */
  readonly written: (folder: string) => Promise<readonly string[]>;
  /** Files and folders that are read to make it: what holds one of them is not replaced. */
  readonly inputs: readonly (string | null | undefined)[];
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
    await removeLeftovers(target);
    const temporary = temporaryOf(target);
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
    const old = this.temporary + replaced;
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

/** Removes what killed processes left of an output that was to be `target`. */
async function removeLeftovers(target: string): Promise<void> {
  const parent = dirname(target);
  for (const name of await readdir(parent).catch(() => [])) {
    // Where nothing took its place, what was to be replaced is all that there is.
    if (name.endsWith(replaced) && !existsSync(target)) continue;
    if (isLeftover(basename(name, replaced), basename(target)))
      await rm(join(parent, name), { recursive: true, force: true });
  }
}

/**
 * @throws UserError where `out` is a file, or a folder that holds files, unless `force` is given
 * and it is an earlier output and nothing else: what others wrote is never removed
 */
export async function checkFree(out: string, { force, marker, written, inputs }: OutputFolderOptions): Promise<void> {
  if (resolve(out) === process.cwd())
    throw new UserError(`The output folder ${out} is the current folder, which others stand in: name one in it.`);
  if ((await pathsIn(out)).length === 0) return;
  if (!force)
    throw new UserError(`The output folder ${out} is not empty: name another with --out, or replace it with --force.`);
  const own = new Set(await written(out));
  if (own.size === 0)
    throw new UserError(
      `The folder ${out} is not replaced: it is no earlier output, for it holds no ${marker} of one. ` +
        'Name another with --out.',
    );
  for (const input of inputs)
    if (typeof input === 'string' && (await holds(out, input)))
      throw new UserError(
        `The folder ${out} is not replaced: it holds ${input}, which is read. Name another with --out.`,
      );
  const strange = (await pathsIn(out, true)).find((path) => !own.has(path) && !isLitter(basename(path)));
  if (strange !== undefined)
    throw new UserError(
      `The folder ${out} is not replaced: beside an earlier output it holds ${strange}. ` +
        'Move that elsewhere, or name another folder with --out.',
    );
}

/** Whether a folder is, or holds, what lies at a path. */
async function holds(folder: string, path: string): Promise<boolean> {
  const [outer, inner] = await Promise.all([folder, path].map((one) => realpath(one).catch(() => undefined)));
  if (outer === undefined || inner === undefined) return false;
  const way = relative(outer, inner);
  return way === '' || !(way.startsWith('..') || isAbsolute(way));
}

/**
 * Paths within a folder of what it holds: recursively the files of every folder in it.
 * @returns none where there is no such folder
 */
async function pathsIn(folder: string, recursive = false): Promise<string[]> {
  try {
    const entries = await readdir(folder, { recursive, withFileTypes: true });
    return entries
      .filter((entry) => !recursive || !entry.isDirectory())
      .map((entry) => relative(folder, join(parentOf(entry), entry.name)))
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new UserError(`Cannot use ${folder} as the output folder: ${messageOf(error)}`);
  }
}
