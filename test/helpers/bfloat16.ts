import * as tf from '@tensorflow/tfjs-core';
import { useEngine } from '../../ts/backend/engine.js';
import type { NativeBackend } from '../../ts/backend/native-backend.js';

await useEngine('native');
/** Why tests of bfloat16 are skipped here, or nothing. */
export const noBfloat16 = (tf.backend() as NativeBackend).precisions.includes('bfloat16')
  ? undefined
  : 'this processor, or the kernels chosen, have no AVX512_BF16';
