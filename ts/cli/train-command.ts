import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Option, type Command } from 'commander';
import { UserError } from '../base/errors.js';
import { count, counted } from '../base/text.js';
import { checkUseful, resolveConfig, resumeConfig, type TrainConfig } from '../train/config.js';
import { dryRun, type DryRun } from '../train/dry-run.js';
import { optionGroups, options } from '../train/options.js';
import { presets, type PresetName } from '../train/presets.js';
import { resumePoint } from '../train/checkpoint.js';
import { readRunConfig, resumeFolder } from '../train/run-folder.js';
import { trainCycleGan, type RunStart, type TrainOptions, type TrainResult } from '../train/train.js';
import { makeCommand, parseArguments } from './arguments.js';
import { interruptible } from './interrupt.js';
import { optionFlags, settingsOf } from './option-flags.js';
import { progressBar, say, showReading, type Progress } from './progress.js';
import { shownPath, skippedLines } from './text.js';

const examples = `
Examples:
  npm run train:native                                        quick run on built-in synthetic faces
  npm run train:native -- --preset paper-ecyclegan --data fer2013.csv.gz --from Neutral --to Disgust
  npm run train:native -- --config runs/latest/config.json --seed 2
  npm run train:native -- --resume latest
  npm run train:native -- --dry-run --preset paper-cyclegan   what would it take?
An option that may be left open takes the word none, e.g. --max-steps none.`;

/** Options that are not part of a run's configuration. */
interface CommandOptions {
  preset?: string;
  config?: string;
  resume?: string;
  dryRun?: boolean;
  force?: boolean;
}

function trainCommandFor(preset: PresetName): Command {
  return makeCommand(
    'train',
    {
      description: 'Trains a CycleGAN or ECycleGAN that translates faces of one class into another.',
      examples,
      help: 'show this help; defaults are those of --preset',
    },
    [
      new Option('--preset <name>', `starting point: ${Object.keys(presets).join(', ')} (default: quick)`),
      new Option('--config <file>', "JSON file of options, e.g. another run's config.json"),
      new Option('--resume <run>', 'run folder to go on with, or "latest", or one of its checkpoints'),
      new Option('--force', 'with --resume of an older checkpoint: go back to it, and remove the later ones'),
      new Option('--dry-run', 'show the configuration and what it would take; write nothing'),
      ...Object.entries(optionGroups).flatMap(([group, members]) => optionFlags(members, presets[preset], group)),
    ],
  );
}

/** The preset that a command line names, for the defaults in its help. */
function presetIn(args: readonly string[]): PresetName {
  const at = args.findIndex((arg) => arg === '--preset' || arg.startsWith('--preset='));
  const name = args[at]?.split('=')[1] ?? args[at + 1];
  return at >= 0 && name !== undefined && Object.hasOwn(presets, name) ? (name as PresetName) : 'quick';
}

/** The command `train`. @throws UserError for what the user got wrong */
export async function trainCommand(args: readonly string[]): Promise<void> {
  const command = trainCommandFor(presetIn(args));
  if (!parseArguments(command, args)) return;
  const { preset, config: file, resume, dryRun: dry, force, ...parsed } = command.opts<CommandOptions>();
  const settings = settingsOf(options, parsed);
  if (resume === undefined) {
    if (force) throw new UserError('--force goes back to a checkpoint of a run: name it with --resume.');
    const config = await resolveConfig({ preset, file, settings });
    checkUseful(config, settings);
    if (dry) printDryRun(await dryRun(config, { onEngine: say }));
    else report(config, await train(config));
    return;
  }
  if (preset !== undefined || file !== undefined || dry)
    throw new UserError(
      '--resume goes on with the configuration of its run: leave --preset, --config and --dry-run out.',
    );
  const { runs = presets.quick.runs, ...changes } = settings;
  const folder = await resumeFolder(resume, String(runs));
  const config = resumeConfig(await readRunConfig(resumePoint(folder).run), changes);
  report(config, await train(config, { resume: folder, ...(force && { force }) }));
}

/** Trains with a progress bar; Ctrl-C ends the run in good order, a second one at once. */
async function train(config: TrainConfig, from: Pick<TrainOptions, 'resume' | 'force'> = {}): Promise<TrainResult> {
  let bar: Progress | undefined;
  let note = '';
  try {
    // Before the first step there is nothing to save.
    return await interruptible(
      () => bar && 'Stopping after this step, with a checkpoint.',
      (signal) =>
        trainCycleGan(config, {
          signal,
          ...from,
          onEngine: say,
          onReading: showReading,
          onStart(start) {
            say(...describe(start));
            bar = progressBar('Training', start.lastStep, 'steps');
            bar.update(start.step);
          },
          onStep: (step) => bar?.update(step, note),
          onMetrics({ adversarialAB, cycleA, discriminatorA, discriminatorB }) {
            const show = (value: number) => value.toFixed(3);
            note = `G ${show(adversarialAB)} cycle ${show(cycleA)} D ${show(discriminatorA)} ${show(discriminatorB)}`;
          },
          onWarning: (text) => say(`warning: ${text}`),
        }),
    );
  } finally {
    bar?.stop();
  }
}

function describe(start: RunStart): string[] {
  const { folder, classA, classB, imagesA, imagesB, sizes, step, totalSteps, stepsPerEpoch, skipped } = start;
  return [
    ...skippedLines(skipped),
    `Run folder ${folder}`,
    `${count(imagesA)} ${classA}, ${count(imagesB)} ${classB}; generators of ${count(sizes.generatorAB)} weights, ` +
      `discriminators of ${count(sizes.discriminatorA)}; ${counted(totalSteps, 'step')}, ${count(stepsPerEpoch)} an epoch` +
      (step > 0 ? `; going on from step ${count(step)}` : ''),
  ];
}

function report(config: TrainConfig, { folder, step, totalSteps, stopped }: TrainResult): void {
  const shown = shownPath(folder);
  // A run that was stopped early has not all of them.
  const shownFiles = [
    ['gen_ab.onnx', ` (${config.from} to ${config.to})`],
    ...['gen_ba.onnx', 'samples/', 'losses.png', 'metrics.jsonl', 'report.html', 'checkpoints/'].map((name) => [
      name,
      '',
    ]),
  ].filter(([name]) => existsSync(join(folder, name!)));
  const lines = [
    `${stopped === 'finished' ? 'Finished' : 'Stopped'} at step ${count(step)} of ${count(totalSteps)}. In ${shown}:`,
    `  ${shownFiles.map((parts) => parts.join('')).join(', ')}`,
  ];
  lines.push(
    stopped === 'finished'
      ? `Next: npm run augment -- --onnx ${shown}/gen_ab.onnx --n 500`
      : `To go on: npm run train:native -- --resume ${shown}`,
  );
  process.stdout.write(`${lines.join('\n')}\n`);
}

function printDryRun(plan: DryRun): void {
  const { config, networks, classA, classB, imagesA, imagesB, totalSteps, stepsPerEpoch, secondsPerStep, peakBytes } =
    plan;
  const minutes = (secondsPerStep * totalSteps) / 60;
  const lines = [
    JSON.stringify(config, null, 2),
    ...skippedLines(plan.skipped),
    `Images: ${count(imagesA)} ${classA} (A), ${count(imagesB)} ${classB} (B)`,
    ...Object.entries(networks).map(([name, network]) => `${name}: ${network.name}, ${count(network.size)} weights`),
    `Steps: ${count(totalSteps)}, ${count(stepsPerEpoch)} an epoch`,
    `Time: ${(secondsPerStep * 1000).toFixed(0)} ms a step here, so about ` +
      (minutes < 90 ? `${minutes.toFixed(1)} minutes` : `${(minutes / 60).toFixed(1)} hours`),
    ...(peakBytes === undefined ? [] : [`Memory of tensors: ${Math.ceil(peakBytes / 2 ** 20)} MiB at most`]),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}
