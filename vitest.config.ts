import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    globalSetup: 'test/helpers/global-setup.ts',
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      { extends: true, test: { name: 'cpu', include: ['test/{unit,parity,e2e}/**/*.test.ts'] } },
      {
        // The same tests of kernels and steps, on the CUDA kernels under their emulator.
        extends: true,
        test: {
          name: 'cuda-emulated',
          include: ['test/parity/*.test.ts', 'test/unit/{captured,native-memory,trainer}.test.ts'],
          exclude: ['test/parity/{onnx,tensorflow-ops,tfjs-node,vgg19-peer}.test.ts'],
          env: { RAREFACE_DEVICE: 'cuda-emulated' },
          testTimeout: 300_000,
        },
      },
    ],
  },
});
