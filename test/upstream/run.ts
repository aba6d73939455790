// Runs tfjs-core's own specs against the native backend and writes a report as JSON to the file
// named by the first argument. Bundled and started by test/parity/upstream.test.ts.
import { environmentLabel, jasmine } from './setup.js';
import '@tensorflow/tfjs-core/dist/tests.js';
import { writeFileSync } from 'node:fs';
import { loadBinding } from '../../ts/backend/binding.js';
import { hostTensors } from '../../ts/backend/host-kernel.js';
import { exclusions } from './exclusions.js';
import type { Result } from './jasmine.js';

export interface Report {
  passed: number;
  /** Specs that upstream itself switches off. */
  pending: number;
  failed: string[];
  /** Exclusions that no spec has the name of. */
  stale: string[];
  /** Left when all is done. */
  nativeBuffers: number;
  nativeBytes: number;
  hostTensors: number;
}

const report: Report = {
  passed: 0,
  pending: 0,
  failed: [],
  stale: [],
  nativeBuffers: 0,
  nativeBytes: 0,
  hostTensors: 0,
};
const unseen = new Set(exclusions.map(({ spec }) => spec));

const fail = (result: Result): void => {
  const [first] = result.failedExpectations;
  if (first) report.failed.push(`${result.fullName}: ${first.message}`);
};

const environment = jasmine.getEnv();
environment.configure({
  random: false,
  specFilter: (spec) => {
    const name = spec.getFullName().replace(environmentLabel, '');
    unseen.delete(name);
    return !exclusions.some((exclusion) => exclusion.spec === name);
  },
});
environment.addReporter({
  specDone: (result) => {
    if (result.status === 'passed') report.passed++;
    else if (result.status === 'pending') report.pending++;
    fail(result);
  },
  suiteDone: fail,
});
await environment.execute();

const { buffers, bytes } = loadBinding().memory();
writeFileSync(
  process.argv[2]!,
  JSON.stringify({
    ...report,
    stale: [...unseen],
    nativeBuffers: buffers,
    nativeBytes: bytes,
    hostTensors: hostTensors(),
  }),
);
