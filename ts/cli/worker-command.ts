import { checkSettings, given, number, text, folder, type Options } from '../base/options.js';
import { counted } from '../base/text.js';
import { runWorker } from '../study/worker.js';
import { makeCommand, parseArguments } from './arguments.js';
import { interruptible } from './interrupt.js';
import { optionFlags, settingsOf } from './option-flags.js';
import { once, say } from './progress.js';

const workerOptions = {
  queue: { ...text('redis://host:port', 'the Redis server that a study puts its tasks on'), placeholder: 'url' },
  store: folder("the study's --out, as this machine has it: a folder that all share"),
  lockSeconds: number(
    1,
    86_400,
    'how long a worker may be silent until its task goes to another; it is renewed at half of that, however long a task takes',
  ),
} as const satisfies Options;

const workerDefaults = { lockSeconds: 30 };

const description =
  "Does a study's tasks on this machine, one at a time, until Ctrl-C: those that npm run study --queue puts on a " +
  'Redis server. A task of a worker that is killed goes to another one. Results are the same to the bit on processors ' +
  'of the same instruction set: where they differ, set RAREFACE_ISA=avx2 (or portable) on all.';

const examples = `
Example:
  npm run worker -- --queue redis://server:6379 --store /shared/study`;

/**
 * `npm run worker`.
 * @param args the command line's
 * @throws UserError for what the user got wrong
 */
export async function workerCommand(args: readonly string[]): Promise<void> {
  const command = makeCommand('worker', { description, examples }, optionFlags(workerOptions, workerDefaults));
  if (!parseArguments(command, args)) return;
  const settings = settingsOf(workerOptions, command.opts());
  const config = checkSettings(workerOptions, { ...workerDefaults, ...given(settings) });
  const done = await interruptible(
    () => 'Stopping; the task at hand goes back to the queue.',
    (signal) =>
      runWorker({
        ...config,
        signal,
        onReady: () => say(`Waiting for tasks of ${config.queue}.`),
        onTask: (label) => say(`begins  ${label}`),
        onDone: (label, seconds) => say(`done    ${label} (${seconds.toFixed(1)} s)`),
        onFailed: (label, why) => say(`failed  ${label}: ${why}`),
        onTrouble: once((message) => say(`queue: ${message}`)),
      }),
  );
  say(`Done: ${counted(done, 'task')}.`);
}
