// Before tfjs's own tests are loaded: jasmine's globals, and the one environment to test.
import { createRequire } from 'node:module';
import '@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops.js';
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';
import { setTestEnvs } from '@tensorflow/tfjs-core/dist/jasmine_util.js';
import { registerNativeBackend } from '../../ts/backend/register.js';

createRequire(import.meta.url)('jasmine-core').boot();
registerNativeBackend();
setTestEnvs([{ name: 'native', backendName: 'native', isDataSync: true }]);
