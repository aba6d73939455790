import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, join, relative, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { messageOf, UserError } from '../base/errors.js';
import { makeFolder, parentOf, writeAtomic } from '../base/files.js';
import { isLeftover, temporaryOf } from '../base/temporary.js';
import type { Root, Task } from './task.js';

const resultName = 'result.json';

/** Of the SHA-256 that data and results are called by. */
const digestLength = 64;

/** What a finished task left. */
export interface TaskResult {
  readonly id: string;
  readonly task: Task;
  readonly seconds: number;
  /** Of the machine's cores, the part that it had; earlier versions did not keep it. */
  readonly share?: number;
  /** What the task's kind gives: see {@link ./tasks/values.ts}. */
  readonly value: unknown;
}

/**
 * A folder that processes and machines share: `data/<digest>/` holds the user's files,
 * `results/<task id>/` what a task gave, result.json among it. Either appears whole, by a rename, and
 * never changes; `work/` holds what unfinished tasks go on from.
 */
export class Store {
  private constructor(readonly folder: string) {}

  static async open(folder: string): Promise<Store> {
    for (const part of ['data', 'results', 'work']) await makeFolder(join(folder, part));
    return new Store(resolve(folder));
  }

  /** The store of a study that was begun. @throws UserError for another folder */
  static async ofStudy(folder: string): Promise<Store> {
    if (!['data', 'results'].every((part) => existsSync(join(folder, part))))
      throw new UserError(
        `Expected a study's folder for --store but ${folder} has no data and results: start the study first, and name ` +
          'its --out as this machine has it.',
      );
    return Store.open(folder);
  }

  /** A task's folder; there only when it has finished. */
  resultFolder(id: string): string {
    return join(this.folder, 'results', id);
  }

  has(id: string): boolean {
    return existsSync(join(this.resultFolder(id), resultName));
  }

  /** @throws UserError where there is none, or it is not what a task wrote */
  async read(id: string): Promise<TaskResult> {
    const file = join(this.resultFolder(id), resultName);
    let result: TaskResult;
    try {
      result = JSON.parse(await readFile(file, 'utf8')) as TaskResult;
    } catch (error) {
      throw new UserError(`Cannot read the result ${file}: ${messageOf(error)}`);
    }
    if (result.id === id) return result;
    throw new UserError(`${file} is no result of this task: delete its folder, and it is done again.`);
  }

  /** A new folder for a task to fill, beside the one that it becomes: paths relative to it stay true. */
  async scratch(id: string): Promise<string> {
    const folder = temporaryOf(this.resultFolder(id));
    await mkdir(folder);
    return folder;
  }

  /** Makes a filled folder the task's result. Where another process was faster, its result stays: it is the same. */
  async publish(scratch: string, result: TaskResult): Promise<void> {
    await writeAtomic(join(scratch, resultName), `${JSON.stringify(result)}\n`);
    try {
      await rename(scratch, this.resultFolder(result.id));
    } catch (error) {
      if (!this.has(result.id)) throw error;
      await rm(scratch, { recursive: true, force: true });
    }
  }

  /**
   * Takes over what an earlier process left of an unfinished task, by a rename: a process that still works
   * on it fails at its next write, and never spoils this one's.
   * @returns a folder of this process's own; empty for a task that nobody began
   */
  async claimWork(id: string): Promise<string> {
    const parent = join(this.folder, 'work', id);
    await makeFolder(parent);
    const own = join(parent, `${process.pid}-${randomBytes(4).toString('hex')}`);
    for (const name of (await readdir(parent)).sort())
      if (
        await rename(join(parent, name), own).then(
          () => true,
          () => false,
        )
      )
        return own;
    await mkdir(own, { recursive: true });
    return own;
  }

  async removeWork(id: string): Promise<void> {
    await rm(join(this.folder, 'work', id), { recursive: true, force: true });
  }

  /**
   * Copies a file or folder of the user's into the store, unless it is there.
   * @throws UserError naming it
   */
  async addRoot(path: string, root: Root): Promise<void> {
    const target = join(this.folder, 'data', root.digest);
    if (existsSync(target)) return;
    const scratch = temporaryOf(target);
    try {
      await mkdir(scratch);
      await cp(path, join(scratch, root.name), { recursive: true, dereference: true });
      await rename(scratch, target);
    } catch (error) {
      await rm(scratch, { recursive: true, force: true });
      if (!existsSync(target)) throw new UserError(`Cannot copy ${path} to ${target}: ${messageOf(error)}`);
    }
  }

  /** Removes what killed processes of this machine left half written. */
  async removeLeftovers(): Promise<void> {
    for (const part of ['data', 'results'])
      for (const name of await readdir(join(this.folder, part)))
        if (isLeftover(name, name.slice(0, digestLength)))
          await rm(join(this.folder, part, name), { recursive: true, force: true });
  }

  rootPath({ digest, name }: Root): string {
    return join(this.folder, 'data', digest, name);
  }
}

/**
 * What a file or folder is called within a store: SHA-256 of the file, or of a folder's relative paths and
 * files in the order of their names; and what tells its kind.
 * @throws UserError naming it
 */
export async function rootOf(path: string): Promise<Root> {
  try {
    if (!(await stat(path)).isDirectory())
      return { digest: await digestOfFile(path), name: `content${/(\.\w+)?(\.gz)?$/.exec(basename(path))![0]}` };
    const hash = createHash('sha256');
    const entries = await readdir(path, { recursive: true, withFileTypes: true });
    const files = entries.flatMap((entry) =>
      entry.isDirectory() ? [] : [relative(path, join(parentOf(entry), entry.name))],
    );
    for (const file of files.sort()) hash.update(`${file}\0${await digestOfFile(join(path, file))}\n`);
    return { digest: hash.digest('hex'), name: 'content' };
  } catch (error) {
    throw new UserError(`Cannot read ${path}: ${messageOf(error)}`);
  }
}

async function digestOfFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
