import { defineConfig } from 'vitest/config';

/** The same tests of kernels and steps, on the CUDA kernels. @param tooLong what is left out */
const onDevice = (device: string, tooLong: string[] = []) => ({
  extends: true as const,
  test: {
    name: device,
    include: ['test/parity/*.test.ts', 'test/unit/captured.test.ts'],
    exclude: ['test/parity/{onnx,tensorflow-ops,tfjs-node,vgg19-peer}.test.ts', ...tooLong],
    env: { RAREFACE_DEVICE: device },
    testTimeout: 300_000,
  },
});

/** npm run test:cuda, which takes minutes also on the CPU that plays a GPU. */
const all = process.env['RAREFACE_TEST_CUDA'] !== undefined;

export default defineConfig({
  test: {
    globalSetup: 'test/helpers/global-setup.ts',
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      { extends: true, test: { name: 'cpu', include: ['test/{unit,parity,e2e}/**/*.test.ts'] } },
      // training.test.ts has whole steps, too.
      onDevice('cuda-emulated', all ? [] : ['test/parity/{step-peer,training-gradients}.test.ts']),
      ...(all ? [onDevice('cuda')] : []),
    ],
  },
});
