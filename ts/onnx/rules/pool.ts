import { backend_util, type TensorInfo } from '@tensorflow/tfjs-core';
import { rule, type Rule, type Rules } from './rule.js';

interface PoolAttrs {
  filterSize: [number, number] | number;
  strides: [number, number] | number;
  pad: 'valid' | 'same' | number | backend_util.ExplicitPadding;
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

/** Neither tfjs's nor ONNX's pools look at the pads (count_include_pad is 0). */
const pool = (op: string): Rule =>
  rule<{ x: TensorInfo }, PoolAttrs>(({ inputs: { x }, attrs, trace }) => {
    const { filterSize, strides, pad, dimRoundingMode } = attrs;
    const shape = x.shape as [number, number, number, number];
    const info = backend_util.computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
    const { top, left, bottom, right } = info.padInfo;
    return trace.emit(
      {
        op,
        inputs: [trace.image(x)],
        attributes: {
          kernel_shape: [info.filterHeight, info.filterWidth],
          strides: [info.strideHeight, info.strideWidth],
          pads: [top, left, bottom, right],
        },
      },
      { shape: info.outShape, layout: 'image', open: trace.open(x) },
    );
  });

export const poolRules: Rules = { MaxPool: pool('MaxPool'), AvgPool: pool('AveragePool') };
