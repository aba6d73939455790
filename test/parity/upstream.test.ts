import { build } from 'esbuild';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { Report } from '../upstream/run.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

// tfjs-core's package carries its own specs, as modules for a bundler. They are bundled with tfjs
// and this backend, so that there is one tfjs, and run by jasmine in a process of their own. The
// bundle lies as deep below the root as the sources do: the addon is found from there.
test("tfjs's own specs pass on the native backend", async () => {
  const folder = join(root, 'build', 'upstream');
  await build({
    entryPoints: [join(root, 'test/upstream/run.ts')],
    outfile: join(folder, 'specs.mjs'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    mainFields: ['module', 'main'],
    ignoreAnnotations: true, // tfjs marks its specs as free of side effects
    external: ['jasmine-core', 'node-fetch'],
    banner: {
      js: "import * as nodeModule from 'node:module'; const require = nodeModule.createRequire(import.meta.url);",
    },
    logLevel: 'error',
  });
  const out = join(folder, 'report.json');
  const run = spawnSync(process.execPath, [join(folder, 'specs.mjs'), out], { encoding: 'utf8', timeout: 55_000 });
  expect(run.status, run.stderr).toBe(0);
  const report = JSON.parse(readFileSync(out, 'utf8')) as Report;
  expect(report.failed).toEqual([]);
  expect(report.stale).toEqual([]);
  expect(report.passed).toBeGreaterThan(4200);
  expect(report).toMatchObject({ nativeBuffers: 0, nativeBytes: 0, hostTensors: 0 });
});
