import { initialParams } from '../../ts/models/network.js';
import { makeGenerator, type GeneratorConfig } from '../../ts/models/generator.js';
import { exportOnnx } from '../../ts/onnx/export.js';
import { generatorMetadata } from '../../ts/onnx/generator-metadata.js';
import { presets } from '../../ts/train/presets.js';
import type { TrainConfig } from '../../ts/train/options.js';

const tiny = { generator: 'cyclegan', baseWidth: 2, resBlocks: 1 } as const;

/** The ONNX file of a tiny untrained generator, as a run from Neutral to Disgust with these settings writes it. */
export async function tinyGenerator(settings: Partial<TrainConfig> = {}): Promise<Uint8Array> {
  const config = { ...presets.quick, ...tiny, ...settings };
  const network = makeGenerator(config satisfies GeneratorConfig);
  return exportOnnx(network, initialParams(network, 5), {
    channels: config.channels,
    metadata: generatorMetadata({ from: config.from, to: config.to, step: 7, config }),
  });
}
