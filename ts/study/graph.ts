import { dependenciesOf, taskId, type Task, type TaskKind } from './task.js';

export interface TaskNode {
  readonly id: string;
  readonly task: Task;
  /** What it is, for people. */
  readonly label: string;
  readonly needs: readonly string[];
}

/** Tasks, each once, after those that it depends on. */
export class TaskGraph {
  private readonly byId = new Map<string, TaskNode>();

  /**
   * Adds a task, unless the same one is there.
   * @returns its id
   * @throws RangeError where it depends on one that is not there
   */
  add(task: Task, label: string): string {
    const id = taskId(task);
    if (this.byId.has(id)) return id;
    const needs = [...new Set(dependenciesOf(task))];
    for (const other of needs) if (!this.byId.has(other)) throw new RangeError(`${label} needs an unknown task.`);
    this.byId.set(id, { id, task, label, needs });
    return id;
  }

  get nodes(): TaskNode[] {
    return [...this.byId.values()];
  }

  ofKind(kind: TaskKind): TaskNode[] {
    return this.nodes.filter(({ task }) => task.kind === kind);
  }
}
