import { inspect } from 'node:util';

/**
 * A mistake in what the user gave us: a file, a row, an option. Commands print the message alone,
 * on one line, and exit with 1; anything else is a defect and keeps its stack.
 */
export class UserError extends Error {
  override readonly name = 'UserError';

  /** Control characters, which what is quoted may hold, are escaped: the message is one line. */
  constructor(message: string) {
    super(escapeControls(message));
  }
}

/** A line feed as "\n", an escape as "\x1B": text that breaks no line and does nothing to a terminal. */
export function escapeControls(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (control) => inspect(control).slice(1, -1));
}

/** "Expected integer between 1 and 1000 for size but received 0.1 of type number." */
export function expected(what: string, expectation: string, actual: unknown): UserError {
  const shown = inspect(actual, { breakLength: Infinity, compact: true });
  const type = Array.isArray(actual) ? 'array' : typeof actual;
  return new UserError(`Expected ${expectation} for ${what} but received ${shown} of type ${type}.`);
}

/** The first line of the text of whatever was thrown: libraries add advice and stacks below it. */
export function firstLineOf(error: unknown): string {
  return textOf(error).trim().split('\n')[0]!;
}

/** The text of whatever was thrown, on one line. */
export function messageOf(error: unknown): string {
  return textOf(error).replaceAll(/\s*\n\s*/g, ' ');
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
