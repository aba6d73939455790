// Before tfjs's own specs are loaded: jasmine's globals, and the one environment to test. In it
// IS_TEST is set, with which the engine checks every kernel for leaked tensors.
import '@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops.js';
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';
import { setTestEnvs } from '@tensorflow/tfjs-core/dist/jasmine_util.js';
import { createRequire } from 'node:module';
import { registerNativeBackend } from '../../ts/backend/register.js';
import type { Jasmine } from './jasmine.js';

/** The part of a spec's name that says where it runs. */
export const environmentLabel = ' native {}';

const core = createRequire(import.meta.url)('jasmine-core') as { boot(): Jasmine };
export const jasmine = core.boot();

registerNativeBackend();
setTestEnvs([{ name: 'native', backendName: 'native', isDataSync: true }]);
