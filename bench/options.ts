import { InvalidArgumentError, Option } from 'commander';
import { precisions, type Precision } from '../ts/backend/binding.js';
import { networks, type NetworkName } from './configs.js';
import { engineNames, type EngineName } from './engines.js';

/** What benches take; a command offers those that mean something to it. */
export interface BenchOptions {
  readonly batch: readonly number[];
  readonly rounds: number;
  readonly precision: readonly Precision[];
  readonly engines: readonly EngineName[];
  readonly network: NetworkName;
}

/** Milliseconds of a turn in the short set that runs where no command is named. */
export const shortTurnMs = 300;

const listOf =
  <Item>(parse: (text: string) => Item) =>
  (text: string): Item[] =>
    text.split(',').map((part) => parse(part.trim()));

export const wholeNumber = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 4096)
    throw new InvalidArgumentError('Expected an integer between 1 and 4096.');
  return value;
};

export const seconds = (text: string): number => {
  const value = Number(text);
  if (!(value > 0 && value <= 60)) throw new InvalidArgumentError('Expected a number above 0, at most 60.');
  return value;
};

export const oneOf =
  <Choice extends string>(choices: readonly Choice[]) =>
  (text: string): Choice => {
    if (!(choices as readonly string[]).includes(text))
      throw new InvalidArgumentError(`Expected ${choices.join(', ')}.`);
    return text as Choice;
  };

const flag = <Value>(flags: string, text: string, initial: Value, shown: string, parse: (text: string) => Value) =>
  new Option(flags, text).default(initial, shown).argParser(parse);

export const flags = {
  batch: (sizes: readonly number[]) =>
    flag('--batch <sizes>', 'images a run, a list', sizes, sizes.join(), listOf(wholeNumber)),
  rounds: (rounds: number) =>
    flag('--rounds <n>', 'turns of each contestant, of a second or a run each', rounds, String(rounds), wholeNumber),
  precision: (initial: readonly Precision[] = ['float32']) =>
    flag<readonly Precision[]>(
      '--precision <list>',
      `of the native backend: ${precisions.join(', ')}`,
      initial,
      initial.join(),
      listOf(oneOf(precisions)),
    ),
  engines: (names: readonly EngineName[]) =>
    flag(
      '--engines <list>',
      `who takes part: ${engineNames.join(', ')}`,
      names,
      names.join(),
      listOf(oneOf(engineNames)),
    ),
  network: () => {
    const names = Object.keys(networks) as NetworkName[];
    return flag<NetworkName>(
      '--network <name>',
      `what is trained: ${names.join(', ')}`,
      'reference',
      'reference',
      oneOf(names),
    );
  },
} as const;

export { listOf };
