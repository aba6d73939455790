// npm run bench [-- generator|step] [--rounds N]: how fast the native backend is beside others.
import { Command, InvalidArgumentError } from 'commander';
import { runCommand } from '../ts/cli/command.js';
import { benchGenerator } from './generator.js';
import { describeMachine, machineLine } from './machine.js';
import { save, tableOf, type Comparison } from './output.js';
import { benchStep } from './step.js';

const benches = { generator: benchGenerator, step: benchStep } as const;
type Bench = keyof typeof benches;

const rounds = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('Expected an integer from 1.');
  return value;
};

async function run(names: Bench[], options: { rounds?: number }): Promise<void> {
  const machine = await describeMachine();
  console.log(`${machineLine(machine)}\n`);
  const found: Comparison[] = [];
  for (const name of names) {
    for (const comparison of await benches[name](options)) {
      console.log(`${tableOf(comparison, machine)}\n`);
      found.push(comparison);
    }
  }
  const paths = await save(names.join('-'), found, machine);
  console.log(`Written: ${paths.join(', ')}`);
}

const program = new Command('npm run bench --')
  .description('Times the native backend beside others: interleaved runs, medians, quartiles.')
  .option('--rounds <n>', 'turns of each contestant', rounds)
  .addHelpText('after', '\nExamples:\n  npm run bench\n  npm run bench -- step --rounds 9')
  .showHelpAfterError();
program.action((options: { rounds?: number }) => run(Object.keys(benches) as Bench[], options));
for (const [name, text] of [
  ['generator', "a generator's forward pass: native, tfjs's wasm and cpu backends"],
  ['step', "a training step: native and tfjs's cpu backend, a small network"],
] as const)
  program
    .command(name)
    .description(text)
    .action(() => run([name], program.opts()));

await runCommand(() => program.parseAsync().then(() => undefined));
