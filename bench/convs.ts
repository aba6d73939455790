// npx tsx bench/convs.ts [--only TEXT] [--seconds S]: the convolutions of training, each kernel
// alone: forward, input gradient and filter gradient, in GFLOP/s of the direct method. The best of
// many runs: others may use the machine too.
import * as tf from '@tensorflow/tfjs-core';
import { parseArgs } from 'node:util';
import { describeMachine, machineLine } from './machine.js';

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

/** Milliseconds of the fastest run of a kernel. */
function best(kernel: string, inputs: tf.NamedTensorMap, attrs: tf.NamedAttrMap, seconds: number): number {
  let least = Infinity;
  const end = performance.now() + seconds * 1000;
  do {
    const start = performance.now();
    const out = tf.engine().runKernel(kernel, inputs, attrs);
    least = Math.min(least, performance.now() - start);
    tf.dispose(out);
  } while (performance.now() < end);
  return least;
}

function gflops(conv: Conv, batch: number, seconds: number): number[] {
  const { size, channels, filters, filter, stride, pad } = conv;
  const out = Math.floor((size + 2 * pad - filter) / stride) + 1;
  const inputShape = [batch, size, size, channels];
  const filterShape = [filter, filter, channels, filters];
  const x = tf.randomNormal(inputShape);
  const w = tf.randomNormal(filterShape);
  const dy = tf.randomNormal([batch, out, out, filters]);
  const attrs = { strides: [stride, stride], pad, dataFormat: 'NHWC', dilations: [1, 1] };
  const work = 2 * batch * out * out * filter * filter * channels * filters;
  const times = [
    best('Conv2D', { x, filter: w }, attrs, seconds),
    best('Conv2DBackpropInput', { dy, filter: w }, { ...attrs, inputShape }, seconds),
    best('Conv2DBackpropFilter', { x, dy }, { ...attrs, filterShape }, seconds),
  ];
  tf.dispose([x, w, dy]);
  return times.map((ms) => work / ms / 1e6);
}

const { values: options } = parseArgs({
  options: { only: { type: 'string', default: '' }, seconds: { type: 'string', default: '0.1' } },
});
const seconds = Number(options.seconds);
if (!(seconds > 0)) throw new Error(`Expected a positive number for --seconds but received '${options.seconds}'.`);

console.log(machineLine(await describeMachine()));
console.log('GFLOP/s (direct method)                                  forward   input grad  filter grad');
for (const conv of convs) {
  for (const batch of [1, 4, 8]) {
    const { name, size, channels, filters, filter, stride } = conv;
    const label =
      `${name}: ${batch} x ${size} x ${size} x ${channels} -> ${filters}, ` +
      `${filter} x ${filter}${stride > 1 ? ` by ${stride}` : ''}`;
    if (!label.includes(options.only)) continue;
    const [forward, input, weights] = gflops(conv, batch, seconds).map((v) => v.toFixed(0));
    console.log(label.padEnd(56) + forward!.padStart(8) + input!.padStart(13) + weights!.padStart(13));
  }
}
