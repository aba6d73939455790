import { Worker } from 'bullmq';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { UserError } from '../../ts/base/errors.js';
import { workerCommand } from '../../ts/cli/worker-command.js';
import type { TaskNode } from '../../ts/study/graph.js';
import { QueueExecutor } from '../../ts/study/queue-executor.js';
import { connectionOf, queueName } from '../../ts/study/queue.js';
import { Store } from '../../ts/study/store.js';
import { hasRedis, startRedis, type RedisServer } from '../helpers/redis.js';

let folder: string;
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'rareface-queue-'))));
afterAll(() => rm(folder, { recursive: true }));

test('a worker is refused in a folder that no study began, and leaves it as it is', async () => {
  const store = join(folder, 'none');
  const failing = workerCommand(['--queue', 'redis://127.0.0.1:1', '--store', store]);
  await expect(failing).rejects.toThrow(UserError);
  await expect(failing).rejects.toThrow(/^Expected a study's folder for --store but .*none has no data and results: /);
  expect(existsSync(store)).toBe(false);
});

describe.skipIf(!hasRedis)('a task whose worker has another store', () => {
  const id = 'a'.repeat(64);
  const node: TaskNode = { id, label: 'task', needs: [], task: { kind: 'fit' } as TaskNode['task'] };
  let server: RedisServer;
  let worker: Worker;
  let times = 0;
  beforeAll(async () => {
    server = await startRedis(folder);
    const connection = connectionOf(server.url);
    worker = new Worker(queueName, () => Promise.resolve(times++), { connection });
    await worker.waitUntilReady();
  });
  afterAll(async () => {
    await worker.close();
    await server.stop();
  });

  test('is done once, and is waited for until the study ends', async () => {
    const controller = new AbortController();
    const store = await Store.open(join(folder, 'store'));
    const executor = await QueueExecutor.open({ url: server.url, store, signal: controller.signal });
    const done = executor.run(node).catch((error: unknown) => error);
    await vi.waitFor(() => expect([...executor['finishing']]).toEqual([id]), 10_000);
    await executor['look']();
    await expect(executor['queue'].getJob(id)).resolves.toBeUndefined();
    await expect(executor['queue'].getJobCounts()).resolves.toMatchObject({ waiting: 0, active: 0 });
    expect(times).toBe(1);
    const reason = new Error('enough');
    controller.abort(reason);
    expect(await done).toBe(reason);
    await executor.close();
    await vi.waitFor(() => expect(executor['finishing'].size).toBe(0), 1000);
  });
});
