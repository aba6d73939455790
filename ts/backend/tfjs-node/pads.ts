import * as tf from '@tensorflow/tfjs-core';
import type { KernelConfig, NamedTensorInfoMap, Tensor4D, TensorInfo } from '@tensorflow/tfjs-core';

/** Kernels to which tfjs passes a convolution's pad. */
const padded = ['Conv2D', 'FusedConv2D', 'Conv2DBackpropInput', 'Conv2DBackpropFilter'] as const;

/** Zeros around images: [top, bottom], [left, right]. */
type Pads = readonly [readonly [number, number], readonly [number, number]];

/**
 * tfjs-node refuses pads given as numbers. What TensorFlow calls "same" is used where it is the
 * same, as a user would write it; elsewhere zeros are put around the images first.
 */
export function takeNumberedPads(): void {
  for (const name of padded) takePads(name);
}

function takePads(name: (typeof padded)[number]): void {
  const config = tf.getKernel(name, 'tensorflow');
  tf.unregisterKernel(name, 'tensorflow');
  tf.registerKernel({
    ...config,
    kernelFunc: ({ inputs, attrs, backend }) => {
      const run = (given: NamedTensorInfoMap, changed: object) =>
        config.kernelFunc({ inputs: given, backend, attrs: { ...attrs, ...changed } });
      const conv = attrs as unknown as ConvAttrs;
      const pads = padsOf(conv);
      if (!pads) return run(inputs, {});
      const image = conv.inputShape ?? inputs['x']!.shape;
      const filter = conv.filterShape ?? inputs['filter']!.shape;
      if (isSame(image, filter, pads, conv.strides)) return run(inputs, { pad: 'same' });
      if (!conv.inputShape) return withPadded(inputs['x']!, pads, (x) => run({ ...inputs, x }, { pad: 'valid' }));
      const [n, h, w, c] = conv.inputShape;
      const [[top, bottom], [left, right]] = pads;
      const inputShape = [n, h + top + bottom, w + left + right, c];
      const wide = run(inputs, { pad: 'valid', inputShape }) as TensorInfo;
      const cut = tf.slice(wide as Tensor4D, [0, top, left, 0], [n, h, w, c]);
      tf.dispose(wide as Tensor4D);
      return cut;
    },
  } satisfies KernelConfig);
}

interface ConvAttrs {
  readonly pad: number | string | tf.backend_util.ExplicitPadding;
  readonly strides: number | [number, number];
  readonly inputShape?: [number, number, number, number];
  readonly filterShape?: readonly number[];
}

/** Pads that are numbers; images are NHWC. */
function padsOf({ pad }: ConvAttrs): Pads | undefined {
  if (typeof pad === 'string') return undefined;
  if (typeof pad === 'number')
    return [
      [pad, pad],
      [pad, pad],
    ];
  return [pad[1], pad[2]];
}

function withPadded<Result>(x: TensorInfo, [height, width]: Pads, run: (x: TensorInfo) => Result): Result {
  const wide = tf.pad(x as Tensor4D, [[0, 0], [...height], [...width], [0, 0]]);
  try {
    return run(wide);
  } finally {
    wide.dispose();
  }
}

/** Whether these pads are what "same" puts there: what it needs in all, with the odd one at the bottom and right. */
export function isSame(
  image: readonly number[],
  filter: readonly number[],
  pads: Pads,
  strides: number | readonly [number, number],
): boolean {
  const [strideH, strideW] = typeof strides === 'number' ? [strides, strides] : strides;
  const same = (size: number, taps: number, stride: number, [before, after]: readonly [number, number]) => {
    const total = Math.max(0, (Math.ceil(size / stride) - 1) * stride + taps - size);
    return before === total >> 1 && after === total - before;
  };
  return same(image[1]!, filter[0]!, strideH, pads[0]) && same(image[2]!, filter[1]!, strideW, pads[1]);
}
