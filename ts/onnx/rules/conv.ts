import { backend_util, type TensorInfo } from '@tensorflow/tfjs-core';
import type { TraceBackend } from '../trace-backend.js';
import { emitActivation, emitBinary, type Fused } from './elementwise.js';
import { rule, type Rules } from './rule.js';

type Shape4D = [number, number, number, number];

interface ConvAttrs extends Fused {
  strides: [number, number] | number;
  pad: 'valid' | 'same' | number | backend_util.ExplicitPadding;
  dataFormat?: 'NHWC' | 'NCHW';
  dilations?: [number, number] | number | null;
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

function geometry(shape: readonly number[], filter: readonly number[], attrs: ConvAttrs): backend_util.Conv2DInfo {
  if (attrs.dataFormat === 'NCHW') throw new Error('The ONNX export takes convolutions of NHWC images.');
  return backend_util.computeConv2DInfo(
    shape as Shape4D,
    filter as Shape4D,
    attrs.strides,
    attrs.dilations ?? 1,
    attrs.pad,
    attrs.dimRoundingMode,
  );
}

const windowAttributes = (info: backend_util.Conv2DInfo) => ({
  kernel_shape: [info.filterHeight, info.filterWidth],
  strides: [info.strideHeight, info.strideWidth],
  dilations: [info.dilationHeight, info.dilationWidth],
});

/** Height and width follow the input's; channels do not. */
const imageOpen = (trace: TraceBackend, x: TensorInfo): boolean[] => {
  const [n, h, w] = trace.open(x) as [boolean, boolean, boolean];
  return [n, h, w, false];
};

function emitConv(trace: TraceBackend, x: TensorInfo, filter: TensorInfo, attrs: ConvAttrs, bias?: TensorInfo) {
  const info = geometry(x.shape, filter.shape, attrs);
  const { top, left, bottom, right } = info.padInfo;
  // ONNX takes a bias of one value a channel; others are added.
  const fits = bias && trace.constant(bias) && bias.shape.length === 1 && bias.shape[0] === info.outChannels;
  const y = trace.emit(
    {
      op: 'Conv',
      inputs: [trace.image(x), trace.filter(filter), ...(fits ? [trace.operand(bias, 'plain')] : [])],
      attributes: { ...windowAttributes(info), pads: [top, left, bottom, right] },
    },
    { shape: info.outShape, layout: 'image', open: imageOpen(trace, x) },
  );
  return bias && !fits ? emitBinary(trace, 'Add', y, bias) : y;
}

/**
 * One axis of a transposed convolution: ONNX gives
 * stride * (input - 1) + dilated kernel - begin - end + extra pixels.
 */
function transposedPads(input: number, output: number, stride: number, kernel: number, begin: number) {
  const end = stride * (input - 1) + kernel - begin - output;
  // Equal pads and extra pixels at the end, where that can be had, as other exporters write it.
  const extra = begin - end;
  return extra >= 0 && extra < stride ? { end: begin, extra } : { end, extra: 0 };
}

/** tfjs's transposed convolution is the gradient of the convolution that would make `dy` from an image of `inputShape`. */
const transposedConv = rule<{ dy: TensorInfo; filter: TensorInfo }, ConvAttrs & { inputShape: Shape4D }>(
  ({ inputs: { dy, filter }, attrs, trace }) => {
    const info = geometry(attrs.inputShape, filter.shape, attrs);
    const [, inHeight, inWidth] = dy.shape as Shape4D;
    const { top, left } = info.padInfo;
    const rows = transposedPads(inHeight, info.inHeight, info.strideHeight, info.effectiveFilterHeight, top);
    const columns = transposedPads(inWidth, info.inWidth, info.strideWidth, info.effectiveFilterWidth, left);
    if (rows.end < 0 || columns.end < 0)
      throw new Error(
        `A transposed convolution from [${dy.shape.join(', ')}] to [${info.inShape.join(', ')}] has no ONNX export.`,
      );
    return trace.emit(
      {
        op: 'ConvTranspose',
        inputs: [trace.image(dy), trace.filter(filter)],
        attributes: {
          ...windowAttributes(info),
          pads: [top, left, rows.end, columns.end],
          output_padding: [rows.extra, columns.extra],
        },
      },
      { shape: info.inShape, layout: 'image', open: imageOpen(trace, dy) },
    );
  },
);

export const convRules: Rules = {
  Conv2D: rule<{ x: TensorInfo; filter: TensorInfo }, ConvAttrs>(({ inputs: { x, filter }, attrs, trace }) =>
    emitConv(trace, x, filter, attrs),
  ),
  FusedConv2D: rule<{ x: TensorInfo; filter: TensorInfo; bias?: TensorInfo }, ConvAttrs>(
    ({ inputs: { x, filter, bias }, attrs, trace }) =>
      emitActivation(trace, emitConv(trace, x, filter, attrs, bias), attrs),
  ),
  Conv2DBackpropInput: transposedConv,
};
