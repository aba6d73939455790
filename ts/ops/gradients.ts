import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';

/**
 * A loss and its gradients by `xs`: tf.valueAndGrads, which leaks what it keeps for the backward
 * pass where either pass throws. Here that is freed, so that a step that was too large for the
 * memory can be followed by a smaller one.
 */
export function valueAndGrads(
  loss: (...xs: Tensor[]) => Scalar,
  xs: readonly Tensor[],
): { value: Scalar; grads: Tensor[] } {
  try {
    return tf.valueAndGrads(loss)([...xs]);
  } catch (error) {
    const { state } = tf.engine();
    // Inside another gradient the tape is the outer one's.
    if (state.gradientDepth === 0) {
      // Typed as if there always were one.
      const tape = state.activeTape as typeof state.activeTape | null | undefined;
      for (const { saved } of tape ?? []) tf.dispose(saved);
      state.activeTape = [];
    }
    throw error;
  }
}
