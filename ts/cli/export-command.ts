import { checkSettings } from '../base/options.js';
import { count } from '../base/text.js';
import { resumePoint } from '../train/checkpoint.js';
import { exportDefaults, exportGenerator, exportOptions } from '../train/export-generator.js';
import { resumeFolder } from '../train/run-folder.js';
import { makeCommand, parseArguments } from './arguments.js';
import { optionFlags, settingsOf } from './option-flags.js';
import { shownPath } from './text.js';

const examples = `
Examples:
  npm run export -- --run latest --half --out gen.onnx           half the size
  npm run export -- --run runs/20260131-235959-neutral-to-disgust/checkpoints/step-000500 --out early.onnx
  npm run export -- --run latest --direction ba --out back.onnx`;

/**
 * `npm run export`.
 * @param args the command line's
 * @throws UserError for what the user got wrong
 */
export async function exportCommand(args: readonly string[]): Promise<void> {
  const command = makeCommand(
    'export',
    {
      description: "Writes a generator of a run as ONNX, from the run's newest checkpoint or one that is named.",
      examples,
    },
    optionFlags(exportOptions, exportDefaults),
  );
  if (!parseArguments(command, args)) return;
  const settings = { ...exportDefaults, ...settingsOf(exportOptions, command.opts()) };
  const { run, runs, ...options } = checkSettings(exportOptions, settings);
  const step = await exportGenerator(resumePoint(await resumeFolder(run, runs)), options);
  process.stdout.write(`Wrote ${shownPath(options.out)}, as trained at step ${count(step)}.\n`);
}
