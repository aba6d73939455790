import { Command, Option } from 'commander';
import { resumePoint } from '../train/checkpoint.js';
import { exportGenerator } from '../train/export-generator.js';
import { presets } from '../train/presets.js';
import { resumeFolder } from '../train/run-folder.js';
import { parseArguments } from './arguments.js';
import { count, shownPath } from './text.js';

const examples = `
Examples:
  npm run export -- --run latest --half --out gen.onnx           half the size
  npm run export -- --run runs/20260131-235959-neutral-to-disgust/checkpoints/step-000500 --out early.onnx
  npm run export -- --run latest --direction ba --out back.onnx`;

interface CommandOptions {
  run: string;
  direction: 'ab' | 'ba';
  half?: boolean;
  anonymous?: boolean;
  out: string;
  runs: string;
}

/**
 * `npm run export`.
 * @param args the command line's
 * @throws UserError for what the user got wrong
 */
export async function exportCommand(args: readonly string[]): Promise<void> {
  const command = new Command('export')
    .description("Writes a generator of a run as ONNX, from the run's newest checkpoint or one that is named.")
    .helpOption('-h, --help', 'show this help')
    .requiredOption('--run <run>', 'run folder, or "latest", or one of its checkpoints')
    .addOption(
      new Option('--direction <direction>', "ab: from the run's first class to its second; ba: back")
        .choices(['ab', 'ba'])
        .default('ab'),
    )
    .option('--half', 'store weights in half precision; arithmetic stays single')
    .option('--anonymous', "leave the run's options, which name files of this machine, out of the file")
    .requiredOption('--out <file>', 'file to write')
    .option('--runs <folder>', 'folder that holds the run folders', presets.quick.runs)
    .addHelpText('after', examples);
  if (!parseArguments(command, args)) return;
  const { run, runs, ...options } = command.opts<CommandOptions>();
  const step = await exportGenerator(resumePoint(await resumeFolder(run, runs)), options);
  process.stdout.write(`Wrote ${shownPath(options.out)}, as trained at step ${count(step)}.\n`);
}
