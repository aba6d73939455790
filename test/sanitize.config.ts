import { defineConfig } from 'vitest/config';

/** The tests that exercise native kernels, for a run with a sanitized addon (npm run test:sanitize). */
export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/unit/backend*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 600_000,
  },
});
