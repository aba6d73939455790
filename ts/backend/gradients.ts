import * as tf from '@tensorflow/tfjs-core';
import type { Tensor } from '@tensorflow/tfjs-core';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { firstLineOf, UserError } from '../base/errors.js';

let registered = false;

/**
 * Registers the gradients of tfjs's own ops, once. tfjs-core's package leaves them out of what
 * Node can load, so they are bundled at build time (scripts/bundle-gradients.mjs).
 * @throws UserError when the bundle is missing
 */
export function registerGradients(): void {
  if (registered) return;
  const path = fileURLToPath(new URL('../../dist/tfjs-gradients.cjs', import.meta.url));
  try {
    createRequire(import.meta.url)(path);
  } catch (error) {
    throw new UserError(`Cannot load ${path}: ${firstLineOf(error)} Build it with: npm run build:ts`);
  }
  registerOwnGradients();
  registered = true;
}

/** Registers those that are not tfjs's own: again, where tfjs was loaded once more and put its own in their place. */
export function registerOwnGradients(): void {
  tf.registerGradient(leakyRelu);
}

/** tfjs's own compares and selects, which has no second gradient; gradient penalties need one. */
const leakyRelu: tf.GradConfig = {
  kernelName: tf.LeakyRelu,
  inputsToSave: ['x'],
  gradFunc: (dy, [x], attrs) => ({
    x: () => tf.mul(dy as Tensor, tf.step(x!, (attrs as unknown as tf.LeakyReluAttrs).alpha)),
  }),
};
