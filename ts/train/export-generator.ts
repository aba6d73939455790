import { writeAtomic, makeParent } from '../base/files.js';
import { makeGenerator } from '../models/generator.js';
import { checkParams } from '../models/host-params.js';
import { exportOnnx } from '../onnx/export.js';
import { generatorMetadata } from '../onnx/generator-metadata.js';
import { newestOrNamed, readWeightsOf, type ResumePoint } from './checkpoint.js';
import { readRunConfig } from './run-folder.js';

export interface ExportGeneratorOptions {
  /** ab translates the run's `from` to its `to`; ba back. */
  readonly direction: 'ab' | 'ba';
  /** Weights in half precision: half the size, values near those of the whole one's. */
  readonly half?: boolean;
  /** Leaves the run's options, which name files of this machine, out of the file. */
  readonly anonymous?: boolean;
  readonly out: string;
}

/**
 * Writes a generator of a run as ONNX, as it was at the run's newest checkpoint or at the one named.
 * @returns the step of that checkpoint
 * @throws UserError naming the file that is missing, harmed or cannot be written
 */
export async function exportGenerator(
  point: ResumePoint,
  { direction, half = false, anonymous = false, out }: ExportGeneratorOptions,
): Promise<number> {
  const config = await readRunConfig(point.run);
  const { folder, step } = await newestOrNamed(point);
  const network = makeGenerator(config);
  const name = direction === 'ab' ? 'generatorAB' : 'generatorBA';
  const { params, file } = await readWeightsOf(folder, name);
  const weights = checkParams(network, params, file, 'ignore');
  const [from, to] = direction === 'ab' ? [config.from, config.to] : [config.to, config.from];
  const { config: options, ...about } = generatorMetadata({ from, to, step, config });
  const metadata = anonymous ? about : { ...about, config: options! };
  const model = await exportOnnx(network, weights, { channels: config.channels, half, metadata });
  await makeParent(out);
  await writeAtomic(out, model);
  return step;
}
