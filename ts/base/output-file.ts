import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf, UserError } from './errors.js';
import { makeParent } from './files.js';

export interface OutputFileOptions {
  /** Whether a file that is there may be replaced. */
  readonly force: boolean;
  /** Tells an earlier output, which is replaced in any case; left out: none is. */
  readonly isEarlier?: (file: string) => Promise<boolean>;
}

/** @throws UserError where `file` is a folder, or there already and not to be replaced */
export async function checkFreeFile(file: string, { force, isEarlier }: OutputFileOptions): Promise<void> {
  const there = await stat(file).catch(() => undefined);
  if (there?.isDirectory()) throw new UserError(`Cannot write ${file}: it is a folder.`);
  if (!there || force || (await isEarlier?.(file))) return;
  throw new UserError(`The file ${file} is there already: name another with --out, or replace it with --force.`);
}

/** Makes the folder of a file that long work is to give: that it cannot be written must show before. @throws UserError */
export async function checkWritable(file: string): Promise<void> {
  await makeParent(file);
  try {
    await access(dirname(file), constants.W_OK);
  } catch (error) {
    throw new UserError(`Cannot write ${file}: ${messageOf(error)}`);
  }
}
