import { randomBytes } from 'node:crypto';
import { existsSync, type Dirent } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { messageOf, UserError } from './errors.js';

/** Whether a file or folder is called as what file managers leave behind. */
export const isLitter = (name: string): boolean => /^(\.DS_Store|\._.*|Thumbs\.db|desktop\.ini|__MACOSX)$/i.test(name);

/** Where an entry of a folder that was read recursively lies: before Node 20.12 its `path` said so. */
export function parentOf(entry: Dirent): string {
  const { parentPath, path } = entry as unknown as { readonly parentPath?: string; readonly path: string };
  return parentPath ?? path;
}

/**
 * Writes a file whole or not at all: to a temporary name beside it, flushed, then renamed.
 * @throws UserError naming the file when the folder is missing, read-only or full
 */
export async function writeAtomic(path: string, data: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`;
  try {
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new UserError(`Cannot write ${path}: ${messageOf(error)}`);
  }
}

/** Makes a folder (and its parents) for output. @throws UserError naming it */
export async function makeFolder(path: string): Promise<void> {
  try {
    await makeWithParents(resolve(path));
  } catch (error) {
    throw new UserError(`Cannot make the folder ${path}: ${messageOf(error)}`);
  }
}

/** Node's own recursive mkdir never ends below folders such as /proc, which exist and take no others. */
async function makeWithParents(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const parent = dirname(path);
    if (code === 'ENOENT' && !existsSync(parent)) {
      await makeWithParents(parent);
      await makeWithParents(path);
    } else if (code !== 'EEXIST' || !(await stat(path)).isDirectory()) {
      throw error;
    }
  }
}

/** Makes the folder that `path` lies in. */
export async function makeParent(path: string): Promise<void> {
  await makeFolder(dirname(path));
}
