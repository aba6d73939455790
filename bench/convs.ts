import * as tf from '@tensorflow/tfjs-core';
import type { Precision } from '../ts/backend/binding.js';
import type { Comparison } from './comparison.js';
import { openEngines } from './engines.js';
import { convFlops } from './flops.js';
import { spread, type Timing } from './measure.js';
import type { BenchOptions } from './options.js';

interface Conv {
  readonly name: string;
  /** Height and width of the input. */
  readonly size: number;
  readonly channels: number;
  readonly filters: number;
  readonly filter: number;
  readonly stride: number;
  readonly pad: number;
}

const conv3 = (name: string, size: number, channels: number, filters: number, stride = 1, pad = 1): Conv => ({
  ...{ name, size, channels, filters, stride, pad },
  filter: 3,
});
const patch = (size: number, channels: number, filters: number, stride: number): Conv => ({
  ...{ name: 'discriminator', size, channels, filters, stride },
  filter: 4,
  pad: 1,
});

/** At 48 x 48 pixels, networks of the usual widths; the feature network also at half of them. */
const convs: readonly Conv[] = [
  conv3('dense block, growth', 12, 256, 32),
  conv3('dense block, growth', 12, 384, 32),
  conv3('dense block, last', 12, 384, 256),
  conv3('residual block, valid', 14, 256, 256, 1, 0),
  ...[1, 0.5].flatMap((width) =>
    [[48, 64] as const, [24, 128] as const, [12, 256] as const, [6, 512] as const, [3, 512] as const].map(
      ([size, channels]) => conv3('VGG19', size, channels * width, channels * width),
    ),
  ),
  conv3('encoder', 48, 64, 128, 2),
  conv3('encoder', 24, 128, 256, 2),
  { name: 'first layer, valid', size: 54, channels: 3, filters: 64, filter: 7, stride: 1, pad: 0 },
  { name: 'last layer, valid', size: 54, channels: 64, filters: 3, filter: 7, stride: 1, pad: 0 },
  { name: 'last layer, valid', size: 54, channels: 64, filters: 1, filter: 7, stride: 1, pad: 0 },
  patch(48, 3, 64, 2),
  patch(24, 64, 128, 2),
  patch(12, 128, 256, 2),
  patch(6, 256, 512, 1),
  patch(5, 512, 1, 1),
];

const parts = ['forward', 'input gradient', 'filter gradient'] as const;

/** Milliseconds of the runs of a kernel within so many seconds. */
function runsOf(kernel: string, inputs: tf.NamedTensorMap, attrs: tf.NamedAttrMap, seconds: number): number[] {
  const times: number[] = [];
  const end = performance.now() + seconds * 1000;
  do {
    const start = performance.now();
    const out = tf.engine().runKernel(kernel, inputs, attrs);
    times.push(performance.now() - start);
    tf.dispose(out);
  } while (performance.now() < end);
  return times;
}

function timingsOf(conv: Conv, batch: number, seconds: number, precision: Precision): Timing[] {
  const { size, channels, filters, filter, stride, pad } = conv;
  const out = Math.floor((size + 2 * pad - filter) / stride) + 1;
  const inputShape = [batch, size, size, channels];
  const filterShape = [filter, filter, channels, filters];
  const x = tf.randomNormal(inputShape);
  const w = tf.randomNormal(filterShape);
  const dy = tf.randomNormal([batch, out, out, filters]);
  const attrs = { strides: [stride, stride], pad, dataFormat: 'NHWC', dilations: [1, 1] };
  const flops = batch * convFlops(out, filter, channels, filters);
  const times = [
    runsOf('Conv2D', { x, filter: w }, attrs, seconds),
    runsOf('Conv2DBackpropInput', { dy, filter: w }, { ...attrs, inputShape }, seconds),
    runsOf('Conv2DBackpropFilter', { x, dy }, { ...attrs, filterShape }, seconds),
  ];
  tf.dispose([x, w, dy]);
  return times.map((runs, i) => ({ name: parts[i]!, ...spread(runs), flops, precision }));
}

const labelOf = ({ name, size, channels, filters, filter, stride }: Conv, batch: number) =>
  `${name}: ${batch} x ${size} x ${size} x ${channels} -> ${filters}, ` +
  `${filter} x ${filter}${stride > 1 ? ` by ${stride}` : ''}`;

/**
 * The convolutions of training, each kernel alone on the native backend. Prints GFLOP/s of the
 * direct method by the fastest of many runs: others may use the machine too.
 */
export async function* benchConvs(
  { batch: batches, precision: wanted }: Pick<BenchOptions, 'batch' | 'precision'>,
  { only, seconds }: { only: string; seconds: number },
): AsyncGenerator<Comparison> {
  const { engines, leftOut } = await openEngines(['native'], wanted);
  for (const text of leftOut) console.log(text);
  for (const { title, precision, use } of engines) {
    await use();
    console.log(`${`${title}, GFLOP/s`.padEnd(56)} forward   input grad  filter grad`);
    for (const conv of convs)
      for (const batch of batches) {
        const label = labelOf(conv, batch);
        if (!label.includes(only)) continue;
        const timings = timingsOf(conv, batch, seconds, precision);
        const [forward, input, filter] = timings.map(({ flops, least }) => (flops! / least / 1e6).toFixed(0));
        console.log(label.padEnd(56) + forward!.padStart(8) + input!.padStart(13) + filter!.padStart(13));
        yield { title: label, detail: title, timings };
      }
  }
}
