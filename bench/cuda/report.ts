// npm run cuda:report: what the compiler made of the kernels for GPUs, and what a step asks of a card,
// into docs/cuda.md.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { addonPath } from '../../ts/backend/binding.js';
import { UserError } from '../../ts/base/errors.js';
import { writeAtomic } from '../../ts/base/files.js';
import { parseArguments } from '../../ts/cli/arguments.js';
import { runCommand } from '../../ts/cli/command.js';
import { networks } from '../configs.js';
import { h200 } from './card.js';
import { compiledText, spills } from './compiled.js';
import { LaunchLog } from './launches.js';
import { between, rooflineText } from './page.js';
import { readResources, type Resources } from './resources.js';
import { stepRoofline, type StepRoofline } from './step.js';

const batches = [1, 4, 16, 64];
const network = 'write-up';
const page = fileURLToPath(new URL('../../docs/cuda.md', import.meta.url));

const command = new Command('npm run cuda:report --')
  .description(
    `Registers, shared memory and occupancy of the kernels for GPUs, and the roofline of training steps at batch ${batches.join(', ')}, ` +
      'into docs/cuda.md. Needs no GPU: npm run setup:cuda and npm run build:emulator. ' +
      'Fails where a hot kernel keeps in memory what should be in registers (more than 32 bytes a thread).',
  )
  .option('--check', 'only look at what was compiled, and write nothing');

function compiled(): Resources[] {
  const library = join(dirname(addonPath()), 'librareface-cuda.so');
  if (!existsSync(library)) throw new UserError(`${library} is not there: npm run setup:cuda builds it.`);
  return readResources(library);
}

async function rooflines(): Promise<StepRoofline[]> {
  const log = new LaunchLog();
  try {
    const steps: StepRoofline[] = [];
    for (const batchSize of batches) steps.push(await stepRoofline({ ...networks[network], batchSize }, h200, log));
    return steps;
  } finally {
    log.close();
  }
}

await runCommand(async () => {
  if (!parseArguments(command, process.argv.slice(2))) return;
  const options = command.opts<{ check?: boolean }>();
  const resources = compiled();
  if (!options.check) {
    const steps = await rooflines();
    const launched = steps.flatMap((step) => step.launched);
    let text = await readFile(page, 'utf8');
    text = between(text, 'compiled', compiledText(resources, launched));
    text = between(text, 'roofline', rooflineText(`the ${network} network`, steps, h200));
    await writeAtomic(page, text);
    console.log(`Written: ${page}`);
  }
  const spilled = spills(resources);
  for (const line of spilled) console.error(line);
  if (spilled.length > 0) throw new UserError(`${spilled.length} hot kernels do not fit into registers.`);
  console.log(`${resources.length} compiled kernels: all that are hot fit into registers.`);
});
