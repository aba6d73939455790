import { backend_util, util, type TensorInfo } from '@tensorflow/tfjs-core';
import { sharedKernel, type KernelHost } from '../kernel.js';
import { castTo } from './create.js';
import { runFused, type Fused } from './epilogue.js';

type Shape4D = [number, number, number, number];

interface ConvAttrs {
  strides: [number, number] | number;
  pad: 'valid' | 'same' | number | backend_util.ExplicitPadding;
  dataFormat?: 'NHWC' | 'NCHW';
  dilations?: [number, number] | number | null;
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

/** What is left of tfjs's fused kernels' attributes: typed apart, since they share names with `Fused`. */
type FusedAttrs = ConvAttrs & Pick<Fused, 'activation' | 'leakyreluAlpha'>;
type FusedInputs = { x: TensorInfo; filter: TensorInfo } & Pick<Fused, 'bias' | 'preluActivationWeights'>;

/** The sizes of a convolution, channels last; `shape` is NHWC. */
function geometry(shape: number[], filterShape: number[], attrs: ConvAttrs, depthwise: boolean) {
  const { strides, pad, dilations, dimRoundingMode } = attrs;
  // Explicit pads come in the order of the tensor's dimensions.
  const padding =
    Array.isArray(pad) && attrs.dataFormat === 'NCHW'
      ? ([pad[0], pad[2], pad[3], pad[1]] as backend_util.ExplicitPadding)
      : pad;
  return backend_util.computeConv2DInfo(
    shape as Shape4D,
    filterShape as Shape4D,
    strides,
    dilations ?? 1,
    padding,
    dimRoundingMode,
    depthwise,
  );
}

/** The native attributes (native/arguments/conv.h). */
const attributesOf = (info: backend_util.Conv2DInfo): number[] => [
  ...[info.strideHeight, info.strideWidth, info.dilationHeight, info.dilationWidth],
  ...[info.padInfo.top, info.padInfo.left],
];

const toLast = [0, 2, 3, 1];
const toFirst = [0, 3, 1, 2];
const permuted = (shape: readonly number[], perm: number[]): number[] => perm.map((axis) => shape[axis]!);

/** Native kernels work on NHWC: what comes and goes as NCHW is transposed around them. */
class Layout {
  private readonly held: TensorInfo[] = [];
  constructor(
    private readonly backend: KernelHost,
    private readonly first: boolean,
  ) {}

  private transpose(x: TensorInfo, perm: number[]): TensorInfo {
    const y = this.backend.makeOutput(permuted(x.shape, perm), 'float32');
    this.backend.run('Transpose', [x], [y], perm);
    return y;
  }
  private hold(x: TensorInfo): TensorInfo {
    this.held.push(x);
    return x;
  }
  /** An input as float32. */
  plain(x: TensorInfo): TensorInfo {
    return x.dtype === 'float32' ? x : this.hold(castTo(this.backend, x, 'float32'));
  }
  /** An image as float32 NHWC. */
  image(x: TensorInfo): TensorInfo {
    return this.first ? this.hold(this.transpose(this.plain(x), toLast)) : this.plain(x);
  }
  /** A fused kernel's operand: with channels first, those of rank 3 and 4 lie as the images do. */
  operand(x: TensorInfo | undefined): TensorInfo | undefined {
    if (!x || !this.first || x.shape.length < 3) return x && this.plain(x);
    const batched = { ...x, shape: x.shape.length === 3 ? [1, ...x.shape] : x.shape };
    return this.image(batched);
  }
  /**
   * The gradient `dy` at the size of the result it belongs to. A conv2dTranspose may be asked for
   * an output too small for its input; tfjs then reads the first pixels only.
   */
  cropped(dy: TensorInfo, shape: number[]): TensorInfo {
    if (util.arraysEqual(dy.shape, shape)) return dy;
    util.assert(
      dy.shape.every((n, axis) => n >= shape[axis]!),
      () => `Expected a dy of shape [${String(shape)}] but received [${String(dy.shape)}].`,
    );
    const part = this.hold(this.backend.makeOutput(shape, 'float32'));
    this.backend.run('Slice', [dy], [part], [0, 0, 0, 0]);
    return part;
  }
  shape(shape: readonly number[]): number[] {
    return this.first ? permuted(shape, toLast) : [...shape];
  }
  /** The result as tfjs wants it; gives back everything held. */
  result(y: TensorInfo): TensorInfo {
    const out = this.first ? this.transpose(y, toFirst) : y;
    if (this.first) this.backend.release(y);
    return this.done(out);
  }
  done(out: TensorInfo): TensorInfo {
    for (const info of this.held) this.backend.release(info);
    return out;
  }
}

const layoutOf = (backend: KernelHost, { dataFormat }: ConvAttrs): Layout => new Layout(backend, dataFormat === 'NCHW');

const plain = (name: string, depthwise: boolean) =>
  sharedKernel<{ x: TensorInfo; filter: TensorInfo }, ConvAttrs>(name, ({ inputs, attrs, backend }) => {
    const layout = layoutOf(backend, attrs);
    const [x, filter] = [layout.image(inputs.x), layout.plain(inputs.filter)];
    const info = geometry(x.shape, filter.shape, attrs, depthwise);
    const y = backend.makeOutput(info.outShape, 'float32');
    backend.run(name, [x, filter], [y], attributesOf(info));
    return layout.result(y);
  });

const fused = (name: string, depthwise: boolean) =>
  sharedKernel<FusedInputs, FusedAttrs>(name, ({ inputs, attrs, backend }) => {
    const layout = layoutOf(backend, attrs);
    const [x, filter] = [layout.image(inputs.x), layout.plain(inputs.filter)];
    const info = geometry(x.shape, filter.shape, attrs, depthwise);
    const y = backend.makeOutput(info.outShape, 'float32');
    const done = runFused(backend, name, [x, filter], y, attributesOf(info), {
      bias: layout.operand(inputs.bias),
      preluActivationWeights: layout.operand(inputs.preluActivationWeights),
      activation: attrs.activation,
      leakyreluAlpha: attrs.leakyreluAlpha,
    });
    return layout.result(done);
  });

const backpropInput = (name: string, depthwise: boolean) =>
  sharedKernel<{ dy: TensorInfo; filter: TensorInfo }, ConvAttrs & { inputShape: Shape4D }>(
    name,
    ({ inputs, attrs, backend }) => {
      const layout = layoutOf(backend, attrs);
      const [dy, filter] = [layout.image(inputs.dy), layout.plain(inputs.filter)];
      const info = geometry(layout.shape(attrs.inputShape), filter.shape, attrs, depthwise);
      const dx = backend.makeOutput(info.inShape, 'float32');
      backend.run(name, [layout.cropped(dy, info.outShape), filter], [dx], attributesOf(info));
      return layout.result(dx);
    },
  );

const backpropFilter = (name: string, depthwise: boolean) =>
  sharedKernel<{ x: TensorInfo; dy: TensorInfo }, ConvAttrs & { filterShape: Shape4D }>(
    name,
    ({ inputs, attrs, backend }) => {
      const layout = layoutOf(backend, attrs);
      const [x, dy] = [layout.image(inputs.x), layout.image(inputs.dy)];
      const info = geometry(x.shape, attrs.filterShape, attrs, depthwise);
      const dfilter = backend.makeOutput(attrs.filterShape, 'float32');
      backend.run(name, [x, layout.cropped(dy, info.outShape)], [dfilter], attributesOf(info));
      return layout.done(dfilter);
    },
  );

export const convKernels = [
  plain('Conv2D', false),
  fused('FusedConv2D', false),
  backpropInput('Conv2DBackpropInput', false),
  backpropFilter('Conv2DBackpropFilter', false),
  plain('DepthwiseConv2dNative', true),
  fused('FusedDepthwiseConv2D', true),
  backpropInput('DepthwiseConv2dNativeBackpropInput', true),
  backpropFilter('DepthwiseConv2dNativeBackpropFilter', true),
];
