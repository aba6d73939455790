import * as tf from '@tensorflow/tfjs-core';
import { expected } from '../base/errors.js';
import { registerGradients } from './gradients.js';
import { keepQuiet } from './host-kernel.js';
import { precisions, type Precision } from './binding.js';
import { NativeBackend, type NativeBackendOptions } from './native-backend.js';
import { registerNativeBackend } from './register.js';

export { precisions, type Precision };

/** Where tensors live and kernels run. */
export const engines = ['native', 'cpu'] as const;
export type EngineName = (typeof engines)[number];

/**
 * Makes an engine tfjs's current backend. `native` is this project's addon; `cpu` is tfjs's own
 * plain JavaScript backend, for parity and as a last resort (it is very slow).
 * Registers the gradients of tfjs's ops.
 * @param precision what large products round their factors to: bfloat16 is for engine native, on processors that have it
 * @param options of the native engine; they count when it is made, the first time
 * @throws UserError for an unknown name, an addon that does not load, or a precision that is not to be had
 */
export async function useEngine(
  name: EngineName,
  precision: Precision = 'float32',
  options: Pick<NativeBackendOptions, 'threads'> = {},
): Promise<void> {
  if (!engines.includes(name)) throw expected('the engine', `one of ${engines.join(', ')}`, name);
  if (!precisions.includes(precision)) throw expected('the precision', `one of ${precisions.join(', ')}`, precision);
  if (precision !== 'float32' && name !== 'native')
    throw expected('the precision', `float32 with engine ${name} (bfloat16 is for engine native)`, precision);
  registerGradients();
  if (name === 'native') {
    registerNativeBackend(options);
    // tfjs swallows what a backend's constructor throws: construct it again to show the cause.
    if (!(await tf.setBackend('native'))) new NativeBackend(options);
    (tf.backend() as NativeBackend).precision = precision;
  } else {
    await import('@tensorflow/tfjs-backend-cpu');
    await tf.setBackend('cpu');
    keepQuiet(tf.backend());
  }
}
