import * as tf from '@tensorflow/tfjs-core';
import type { Tensor1D, Tensor4D } from '@tensorflow/tfjs-core';
import type { HostTensor } from './constants.js';

/** Weights on the current engine, laid out once as tfjs's ops want them. */
export class Weights {
  private readonly tensors: tf.Tensor[] = [];

  /** A filter [out, in, h, w], or [in, out, h, w] of a transposed convolution, as [h, w, in, out] or [h, w, out, in]. */
  filter({ dims, values }: HostTensor): Tensor4D {
    return this.keep(tf.tidy(() => tf.transpose(tf.tensor4d(values, [...dims] as never, 'float32'), [2, 3, 1, 0])));
  }

  vector({ values }: HostTensor): Tensor1D {
    return this.keep(tf.tensor1d(values, 'float32'));
  }

  /** What broadcasts against images [n, channels, h, w], as it does against [n, h, w, channels]. */
  operand({ dims, values }: HostTensor): Tensor4D {
    const nchw = [...Array<number>(4 - dims.length).fill(1), ...dims];
    return this.keep(tf.tidy(() => tf.transpose(tf.tensor4d(values, nchw as never, 'float32'), [0, 2, 3, 1])));
  }

  private keep<T extends tf.Tensor>(tensor: T): T {
    this.tensors.push(tensor);
    return tf.keep(tensor);
  }

  dispose(): void {
    tf.dispose(this.tensors);
  }
}
