// npm run bench: how fast the native backend is beside others.
import { parseArguments } from '../ts/cli/arguments.js';
import { runCommand } from '../ts/cli/command.js';
import { benchCommand } from './command.js';

await runCommand(async () => {
  const { command, chosen } = benchCommand();
  if (parseArguments(command, process.argv.slice(2))) await chosen();
});
