import { UserError } from '../base/errors.js';

/** Runs a command: a UserError prints as one line and exits with 1; a defect keeps its stack. */
export async function runCommand(main: () => Promise<void>): Promise<void> {
  // A reader such as `head` that has seen enough is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  try {
    await main();
  } catch (error) {
    process.stderr.write(error instanceof UserError ? `error: ${error.message}\n` : `${(error as Error).stack}\n`);
    process.exitCode = 1;
  }
}
