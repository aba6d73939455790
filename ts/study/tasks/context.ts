import { join } from 'node:path';
import { loadFaces, type FaceSet } from '../../data/faces.js';
import type { Store } from '../store.js';
import type { Images, Root } from '../task.js';

/** What tasks work with. */
export interface TaskContext {
  readonly store: Store;
  /** Name of the task's result and of what it left unfinished. */
  readonly id: string;
  /** A new folder that becomes the result. */
  readonly scratch: string;
  /** Stops the task: the signal's reason is thrown. */
  readonly signal: AbortSignal;
  /** Part done, 0..1, and of what. */
  readonly onProgress: (fraction: number, doing: string) => void;
}

/** What `data` and `subset` tasks give. */
export interface DataValue {
  /** In the task's folder; null: the data as they came. */
  readonly file: string | null;
  readonly source: 'synthetic' | Root;
  readonly images: Images;
  /** Of the faces once they are loaded. */
  readonly digest: string;
  readonly classNames: readonly string[];
  /** Images of each class, of the data as they came and of these. */
  readonly before: readonly number[];
  readonly counts: readonly number[];
  /** Rows or files that could not be read. */
  readonly skipped: number;
}

/** Faces of a task, ready to load on this machine. */
export interface DataFiles extends DataValue {
  readonly path: string;
}

export async function dataOf(store: Store, id: string): Promise<DataFiles> {
  const value = (await store.read(id)).value as DataValue;
  return { ...value, path: pathOf(store, id, value) };
}

function pathOf(store: Store, id: string, { file, source }: DataValue): string {
  if (file !== null) return join(store.resultFolder(id), file);
  return source === 'synthetic' ? source : store.rootPath(source);
}

export const loadData = ({ path, images }: Pick<DataFiles, 'path' | 'images'>): Promise<FaceSet> =>
  loadFaces({ ...images, data: path });

const stored = 'store:';

/** A file of the user's within options: what stands for it, wherever the store lies. */
export const storedName = ({ digest, name }: Root): string => `${stored}${digest}/${name}`;

/** Options with the paths of such files on this machine. */
export function withPaths(
  store: Pick<Store, 'rootPath'>,
  settings: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => {
      if (typeof value !== 'string' || !value.startsWith(stored)) return [name, value];
      const [digest, ...rest] = value.slice(stored.length).split('/');
      return [name, store.rootPath({ digest: digest!, name: rest.join('/') })];
    }),
  );
}
