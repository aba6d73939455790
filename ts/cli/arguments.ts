import { CommanderError, type Command } from 'commander';
import { UserError } from '../base/errors.js';

/**
 * Parses a command line.
 * @returns false when help or a version was asked for and printed
 * @throws UserError, on one line, for an unknown flag (with the nearest one), a missing value or an argument too many
 */
export function parseArguments(command: Command, args: readonly string[]): boolean {
  command.exitOverride().configureOutput({ outputError: () => undefined });
  try {
    command.parse(args, { from: 'user' });
    return true;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return false;
    throw new UserError(`${error.message.replace(/^error: /, '').replaceAll(/\s*\n\s*/g, ' ')} See --help.`);
  }
}
