import { writeAtomic } from '../base/files.js';
import { choice, fileOfKind, folder, toggle, type Settings } from '../base/options.js';
import { checkFreeFile, checkWritable } from '../base/output-file.js';
import { makeGenerator } from '../models/generator.js';
import { checkParams } from '../models/host-params.js';
import { exportOnnx } from '../onnx/export.js';
import { generatorMetadata } from '../onnx/generator-metadata.js';
import { newestOrNamed, readWeightsOf, type ResumePoint } from './checkpoint.js';
import { options } from './options.js';
import { presets } from './presets.js';
import { readRunConfig } from './run-folder.js';

export const exportOptions = {
  run: { ...folder('run folder, or "latest", or one of its checkpoints'), placeholder: 'run' },
  direction: choice(['ab', 'ba'], "ab: from the run's first class to its second; ba: back"),
  half: toggle('store weights in half precision, at half the size; arithmetic stays single'),
  anonymous: toggle("leave the run's options, which name files of this machine, out of the file"),
  out: fileOfKind('.onnx', 'file to write'),
  force: toggle('replace an earlier file'),
  runs: options.runs,
} as const;

export const exportDefaults = {
  direction: 'ab',
  half: false,
  anonymous: false,
  force: false,
  runs: presets.quick.runs,
} as const;

type ExportSettings = Settings<typeof exportOptions>;
export type ExportGeneratorOptions = Pick<ExportSettings, 'direction' | 'out'> &
  Partial<Pick<ExportSettings, 'half' | 'anonymous' | 'force'>>;

/**
 * Writes a generator of a run as ONNX, as it was at the run's newest checkpoint or at the one named.
 * @returns the step of that checkpoint
 * @throws UserError naming the file that is missing, harmed, or cannot be written, or is there already and not to be replaced
 */
export async function exportGenerator(point: ResumePoint, options: ExportGeneratorOptions): Promise<number> {
  const { direction, half, anonymous, force, out } = { ...exportDefaults, ...options };
  const config = await readRunConfig(point.run);
  await checkFreeFile(out, { force });
  const { folder: checkpoint, step } = await newestOrNamed(point);
  const network = makeGenerator(config);
  const name = direction === 'ab' ? 'generatorAB' : 'generatorBA';
  const { params, file } = await readWeightsOf(checkpoint, name);
  const weights = checkParams(network, params, file, 'ignore');
  const [from, to] = direction === 'ab' ? [config.from, config.to] : [config.to, config.from];
  const { config: settings, ...about } = generatorMetadata({ from, to, step, config });
  const metadata = anonymous ? about : { ...about, config: settings! };
  const model = await exportOnnx(network, weights, { channels: config.channels, half, metadata });
  await checkWritable(out);
  await writeAtomic(out, model);
  return step;
}
