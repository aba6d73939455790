import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { augment } from '../ts/augment/augment.js';
import { loadFaces } from '../ts/data/faces.js';
import { syntheticFaces } from '../ts/data/synthetic.js';
import type { TrainConfig } from '../ts/train/options.js';
import { generatorFlops } from './flops.js';
import { writeExport } from './generation.js';
import type { Contestant } from './measure.js';
import type { TorchSettings } from './peers/torch-process.js';

/** Answers as torch_peer.py does. */
export const generateScript = fileURLToPath(new URL('./peers/torch_generate.py', import.meta.url));

/** Faces of a run. */
export const facesMade = 500;

/** What torch_generate.py takes beside what torch_peer.py does. */
interface GenerateSettings extends TorchSettings {
  readonly sources: string;
  readonly out: string;
}

export interface FacesJob {
  readonly flops: number;
  readonly contestants: readonly Contestant[];
  settings(torch: TorchSettings): GenerateSettings;
}

/** The whole of augmenting: reads faces, translates them, writes PNG files. @param folder for all files */
export async function facesJob(folder: string, config: TrainConfig, batch: number): Promise<FacesJob> {
  const [onnx, data] = [join(folder, 'generator.onnx'), join(folder, 'faces')];
  const sources = join(data, 'Neutral');
  await writeExport(config, onnx);
  await mkdir(sources, { recursive: true });
  await writeSources(sources, config);
  const flops = facesMade * generatorFlops(config, config.size);
  const { channels, size } = config;
  const contestant = (engine: 'native' | 'onnxruntime'): Contestant => ({
    name: `augment --engine ${engine}`,
    flops,
    async run() {
      // By `augment`'s own clock, which starts when the generator is loaded, as PyTorch's is by then.
      // Before that it reads the faces, which is part of the work: the same is done here by the watch.
      const start = performance.now();
      await loadFaces({ data, size, channels });
      const reading = performance.now() - start;
      const out = join(folder, engine);
      const options = { n: facesMade, batchSize: batch, source: 'Neutral', className: 'Disgust', force: true };
      const { seconds } = await augment({ onnx, data, out, engine, provider: 'cpu', ...options });
      return reading + seconds * 1000;
    },
  });
  return {
    flops,
    contestants: [contestant('native'), contestant('onnxruntime')],
    settings: (torch) => ({ ...torch, task: 'generate', sources, out: join(folder, 'torch') }),
  };
}

async function writeSources(folder: string, { size, channels }: TrainConfig): Promise<void> {
  const { pixels } = await syntheticFaces({ count: facesMade, size, channels, seed: 1 });
  const bytes = size * size * channels;
  for (let i = 0; i < facesMade; i++) {
    const image = sharp(pixels.subarray(i * bytes, (i + 1) * bytes), { raw: { width: size, height: size, channels } });
    await writeFile(join(folder, `${String(i).padStart(5, '0')}.png`), await image.png().toBuffer());
  }
}
