import { UserError } from '../base/errors.js';
import type { FromChild, ToChild } from './child-messages.js';
import { Store } from './store.js';
import { runTask } from './tasks/run-task.js';

/**
 * A process that does tasks, one at a time. Arguments: the store's folder. It ends with the process that
 * started it, however that ends.
 */
const store = await Store.open(process.argv[2]!);
const controller = new AbortController();
const reply = (message: FromChild) => process.send?.(message);

// Ctrl-C reaches every process of a terminal, and so does its end: what they mean is the parent's to say.
for (const name of ['SIGINT', 'SIGHUP'] as const) process.on(name, () => undefined);
process.on('disconnect', () => process.exit());

const progressEvery = 200;
let told = 0;

process.on('message', (message: ToChild) => {
  if (message.type === 'stop') {
    controller.abort();
    return;
  }
  runTask(message.task, store, {
    signal: controller.signal,
    onProgress(fraction, doing) {
      if (performance.now() - told < progressEvery) return;
      told = performance.now();
      reply({ type: 'progress', fraction, doing });
    },
  }).then(
    () => reply({ type: 'done' }),
    (error: unknown) => {
      const mistake = error instanceof UserError;
      const stack = error instanceof Error ? error.stack : undefined;
      reply({ type: 'failed', mistake, message: mistake ? error.message : (stack ?? String(error)) });
    },
  );
});
