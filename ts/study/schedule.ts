import { messageOf } from '../base/errors.js';
import type { TaskNode } from './graph.js';

/** Does tasks whose dependencies are done: in processes of this machine, or through a queue. */
export interface Executor {
  /** Tasks that it takes at once. */
  readonly limit: number;
  /** Done when the task's result is in the store. @throws the task's failure */
  run(node: TaskNode): Promise<void>;
  close(): Promise<void>;
}

export interface ScheduleEvents {
  /** No task is begun any more; those at hand are the executor's to stop. */
  readonly signal: AbortSignal;
  readonly onStart?: (node: TaskNode) => void;
  readonly onDone?: (node: TaskNode) => void;
  readonly onFailed?: (node: TaskNode, why: string) => void;
}

/** Why tasks were not done, by id: their own failure, or what they depend on. */
export type Failures = ReadonlyMap<string, string>;

/**
 * Runs tasks, each when those that it depends on are done; of those that are ready the first. What depends on
 * a failed task is left out, all else goes on.
 * @param nodes each after those that it depends on
 * @param isDone whether a task's result is there already
 * @throws the signal's reason, when nothing runs any more
 */
export async function runTasks(
  nodes: readonly TaskNode[],
  isDone: (id: string) => boolean,
  executor: Executor,
  { signal, onStart, onDone, onFailed }: ScheduleEvents,
): Promise<Failures> {
  const done = new Set(nodes.filter(({ id }) => isDone(id)).map(({ id }) => id));
  const failures = new Map<string, string>();
  let running = 0;
  let wake: () => void = () => undefined;
  let waiting = nodes.filter(({ id }) => !done.has(id));
  for (;;) {
    waiting = waiting.filter((node) => {
      if (signal.aborted || running >= executor.limit) return true;
      const broken = node.needs.find((id) => failures.has(id));
      if (broken !== undefined) {
        failures.set(node.id, failures.get(broken)!);
        return false;
      }
      if (!node.needs.every((id) => done.has(id))) return true;
      onStart?.(node);
      running++;
      void executor
        .run(node)
        .then(
          () => {
            done.add(node.id);
            onDone?.(node);
          },
          (error: unknown) => {
            if (signal.aborted) return;
            const why = `${node.label}: ${messageOf(error)}`;
            failures.set(node.id, why);
            onFailed?.(node, why);
          },
        )
        .finally(() => {
          running--;
          wake();
        });
      return false;
    });
    if (running === 0) break;
    await new Promise<void>((resolve) => (wake = resolve));
  }
  signal.throwIfAborted();
  return failures;
}
