import type { Task } from './task.js';

/** What a process that does tasks is told. */
export type ToChild = { readonly type: 'run'; readonly task: Task } | { readonly type: 'stop' };

/** What it answers. */
export type FromChild =
  | { readonly type: 'progress'; readonly fraction: number; readonly doing: string }
  | { readonly type: 'done' }
  /** `mistake`: the user's, so the message says it all. */
  | { readonly type: 'failed'; readonly mistake: boolean; readonly message: string };
