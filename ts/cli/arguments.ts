import { Command, CommanderError, type Option } from 'commander';
import { UserError } from '../base/errors.js';

export interface CommandTexts {
  readonly description: string;
  /** Stands below the options. */
  readonly examples: string;
  /** Of --help itself. */
  readonly help?: string;
}

/** A command that takes options and nothing else. */
export function makeCommand(
  name: string,
  { description, examples, help = 'show this help' }: CommandTexts,
  options: readonly Option[],
): Command {
  const command = new Command(name)
    .description(description)
    .helpOption('-h, --help', help)
    .addHelpText('after', examples);
  for (const option of options) command.addOption(option);
  return command;
}

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
