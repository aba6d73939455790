import { UserError } from '../base/errors.js';

/** Runs a command: a UserError prints as one line and exits with 1; a defect keeps its stack. */
export async function runCommand(main: () => Promise<void>): Promise<void> {
  // Whatever becomes of what is printed, the work goes on: what it writes is worth more.
  let failed = false;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // A reader such as `head` that has seen enough is no error.
    if (failed || error.code === 'EPIPE') return;
    failed = true;
    process.stderr.write(`error: Cannot write to standard output: ${error.message}\n`);
    process.exitCode = 1;
  });
  // Nobody is left to be told.
  process.stderr.on('error', () => undefined);
  try {
    await main();
  } catch (error) {
    process.stderr.write(error instanceof UserError ? `error: ${error.message}\n` : `${(error as Error).stack}\n`);
    process.exitCode = 1;
  }
}
