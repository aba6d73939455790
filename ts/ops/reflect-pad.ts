import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor4D, TensorInfo } from '@tensorflow/tfjs-core';
import { registerOwnKernel, sharedKernel } from '../backend/kernel.js';
import { expected } from '../base/errors.js';
import { hasKernel, runKernel } from './dispatch.js';

/**
 * Pads height and width by `pad` on each side with their reflection, the edge itself not repeated:
 * 1 2 3 with pad 2 is 3 2 1 2 3 2 1. tfjs has it as mirrorPad, whose gradient drops what the
 * reflected part passes back.
 * @param x [N, H, W, C]
 * @param pad at least 0, less than H and W
 * @returns [N, H + 2 pad, W + 2 pad, C]
 * @throws UserError where the pad does not fit
 */
export function reflectPad(x: Tensor4D, pad: number): Tensor4D {
  if (!Number.isInteger(pad) || pad < 0 || pad >= Math.min(x.shape[1], x.shape[2]))
    throw expected('the reflection padding', `an integer from 0 to below ${x.shape[1]} and ${x.shape[2]}`, pad);
  return hasKernel('ReflectPad') ? padded(x, pad) : reflectPadReference(x, pad);
}

/** The same in plain tfjs ops: what other engines run, and what the kernel is tested against. */
export function reflectPadReference(x: Tensor4D, pad: number): Tensor4D {
  if (pad === 0) return tf.clone(x);
  return reflectAxis(reflectAxis(x, pad, 1), pad, 2);
}

function reflectAxis(x: Tensor4D, pad: number, axis: 1 | 2): Tensor4D {
  const size = x.shape[axis];
  const reversed = (begin: number) => {
    const at = [0, 0, 0, 0];
    at[axis] = begin;
    const sizes = x.shape.slice();
    sizes[axis] = pad;
    return tf.reverse(tf.slice(x, at, sizes), axis);
  };
  return tf.concat([reversed(1), x, reversed(size - 1 - pad)], axis);
}

/** Linear, so it and its gradient are each other's gradient. */
function padded(x: Tensor4D, pad: number): Tensor4D {
  return linear(x, 'ReflectPad', pad, (dy) => folded(dy, pad));
}

function folded(dy: Tensor4D, pad: number): Tensor4D {
  return linear(dy, 'ReflectPadGrad', pad, (dx) => padded(dx, pad));
}

function linear(x: Tensor4D, kernel: string, pad: number, gradient: (dy: Tensor4D) => Tensor4D): Tensor4D {
  const op = tf.customGrad((a) => ({
    value: runKernel<Tensor4D>(kernel, { x: a as Tensor }, { pad }),
    gradFunc: (dy: Tensor) => gradient(dy as Tensor4D),
  }));
  return op(x) as Tensor4D;
}

/** Kernels by how often they add `pad` to a side. */
const kernels = (
  [
    ['ReflectPad', 2],
    ['ReflectPadGrad', -2],
  ] as const
).map(([name, times]) =>
  sharedKernel<{ x: TensorInfo }, { pad: number }>(name, ({ inputs: { x }, attrs: { pad }, backend }) => {
    const [n, h, w, c] = x.shape as [number, number, number, number];
    const y = backend.makeOutput([n, h + times * pad, w + times * pad, c], 'float32');
    backend.run(name, [x], [y], [pad]);
    return y;
  }),
);

kernels.forEach(registerOwnKernel);
