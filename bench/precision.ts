import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Precision } from '../ts/backend/engine.js';
import { writeAtomic } from '../ts/base/files.js';
import { linePlotsSvg } from '../ts/report/plots.js';
import { lossNames, type LossName } from '../ts/train/losses.js';
import type { MetricsLine } from '../ts/train/metrics.js';
import { presets } from '../ts/train/presets.js';
import { trainCycleGan } from '../ts/train/train.js';

/** Steps averaged in a point of a curve. */
const window = 10;

/** What is compared. */
const precisions = ['float32', 'bfloat16'] as const satisfies readonly Precision[];

type Curves = Readonly<Record<(typeof precisions)[number], readonly MetricsLine[]>>;

/**
 * Trains the reduced ECycleGAN of preset quick, with half of the cycle loss in features, once in each
 * precision: the same seed, faces and draws. Writes bench/results/<name>.json and .svg with both runs'
 * losses, and prints how far their means are apart.
 */
export async function benchPrecision(name: string, steps: number): Promise<void> {
  const runs = await mkdtemp(join(tmpdir(), 'rareface-precision-'));
  const curves = {} as Record<(typeof precisions)[number], readonly MetricsLine[]>;
  try {
    for (const precision of precisions) {
      const lines: MetricsLine[] = [];
      const config = {
        ...presets.quick,
        ...{ perceptualAlpha: 0.5, perceptualBeta: 0.5, precision, runs, name: precision },
        ...{ maxSteps: steps, logEvery: window, sampleEvery: 1e9, checkpointEvery: 1e9 },
      };
      await trainCycleGan(config, { onMetrics: (line) => lines.push(line) });
      curves[precision] = lines;
      console.log(`${precision}: ${steps} steps in ${lines.at(-1)!.seconds.toFixed(1)} s`);
    }
  } finally {
    await rm(runs, { recursive: true });
  }
  for (const loss of lossNames) console.log(comparisonOf(curves, loss));

  const folder = fileURLToPath(new URL('./results/', import.meta.url));
  await mkdir(folder, { recursive: true });
  const [json, svg] = [`${folder}${name}.json`, `${folder}${name}.svg`];
  await writeAtomic(json, `${JSON.stringify({ date: new Date().toISOString(), steps, window, curves }, null, 2)}\n`);
  const plots = lossNames.map((loss) => ({
    title: `${loss}, means of ${window} steps`,
    xName: 'step',
    yName: 'loss',
    lines: precisions.map((precision) => ({
      name: precision,
      points: curves[precision].map((line) => [line.step, line[loss]] as const),
    })),
  }));
  await writeAtomic(svg, linePlotsSvg(plots));
  console.log(`Written: ${json}, ${svg}`);
}

/** The means over the last half of the steps, and how far the curves lie apart there on average. */
function comparisonOf(curves: Curves, loss: LossName): string {
  const [exact, rounded] = precisions.map((precision) => {
    const values = curves[precision].map((line) => line[loss]);
    return values.slice(values.length >> 1);
  }) as [number[], number[]];
  const mean = (values: readonly number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;
  const apart = mean(exact.map((v, i) => Math.abs(v - rounded[i]!)));
  const [a, b] = [mean(exact), mean(rounded)];
  const change = ((100 * (b - a)) / a).toFixed(1);
  return `${loss.padEnd(16)} ${a.toFixed(4)} ${b.toFixed(4)} (${change} %), apart by ${apart.toFixed(4)}`;
}
