import * as tf from '@tensorflow/tfjs-core';
import type { KernelConfig, NamedTensorInfoMap, Tensor4D, TensorInfo } from '@tensorflow/tfjs-core';

/** Kernels to which tfjs passes a convolution's pad. */
const padded = ['Conv2D', 'FusedConv2D', 'Conv2DBackpropInput', 'Conv2DBackpropFilter'] as const;

/**
 * tfjs-node refuses a pad given as a number. What TensorFlow calls "same" is used where it is the
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
      const { pad } = conv;
      if (typeof pad !== 'number' || pad === 0) return run(inputs, {});
      const image = conv.inputShape ?? inputs['x']!.shape;
      const filter = conv.filterShape ?? inputs['filter']!.shape;
      if (isSame(image, filter, conv)) return run(inputs, { pad: 'same' });
      if (!conv.inputShape) return withPadded(inputs['x']!, pad, (x) => run({ ...inputs, x }, { pad: 'valid' }));
      const [n, h, w, c] = conv.inputShape;
      const wide = run(inputs, { pad: 'valid', inputShape: [n, h + 2 * pad, w + 2 * pad, c] }) as TensorInfo;
      const cut = tf.slice(wide as Tensor4D, [0, pad, pad, 0], [n, h, w, c]);
      tf.dispose(wide as Tensor4D);
      return cut;
    },
  } satisfies KernelConfig);
}

interface ConvAttrs {
  readonly pad: number | string;
  readonly strides: number | [number, number];
  readonly inputShape?: [number, number, number, number];
  readonly filterShape?: readonly number[];
}

function withPadded<Result>(x: TensorInfo, pad: number, run: (x: TensorInfo) => Result): Result {
  const wide = tf.pad(x as Tensor4D, [
    [0, 0],
    [pad, pad],
    [pad, pad],
    [0, 0],
  ]);
  try {
    return run(wide);
  } finally {
    wide.dispose();
  }
}

/** Whether a pad of `pad` on each side is what "same" puts there: half of what it needs in all, on each side. */
export function isSame(image: readonly number[], filter: readonly number[], { pad, strides }: ConvAttrs): boolean {
  const [strideH, strideW] = typeof strides === 'number' ? [strides, strides] : strides;
  const total = (size: number, taps: number, stride: number) =>
    Math.max(0, (Math.ceil(size / stride) - 1) * stride + taps - size);
  return (
    total(image[1]!, filter[0]!, strideH) === 2 * Number(pad) &&
    total(image[2]!, filter[1]!, strideW) === 2 * Number(pad)
  );
}
