import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { InstanceNormOptions } from '../../ops/instance-norm.js';
import { emitActivation, emitUnary } from './elementwise.js';
import { emitPad } from './movement.js';
import { rule, type Rules } from './rule.js';

/** This project's own kernels (ts/ops). */
export const normRules: Rules = {
  InstanceNorm: rule<{ x: TensorInfo }, Required<InstanceNormOptions>>(({ inputs: { x }, attrs, trace }) => {
    const channels = x.shape[3]!;
    const y = trace.emit(
      {
        op: 'InstanceNormalization',
        inputs: [trace.image(x), trace.graph.floats(1, channels), trace.graph.floats(0, channels)],
        attributes: { epsilon: { float: attrs.eps } },
      },
      { shape: x.shape, layout: 'image', open: trace.open(x) },
    );
    if (attrs.activation === 'leakyRelu') return emitUnary(trace, 'LeakyRelu', y, { alpha: { float: attrs.slope } });
    return emitActivation(trace, y, { activation: attrs.activation });
  }),
  ReflectPad: rule<{ x: TensorInfo }, { pad: number }>(({ inputs: { x }, attrs: { pad }, trace }) =>
    pad === 0
      ? trace.alias(x)
      : emitPad(
          trace,
          x,
          [
            [0, 0],
            [pad, pad],
            [pad, pad],
            [0, 0],
          ],
          'reflect',
        ),
  ),
};
