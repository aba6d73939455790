// Adds up the steps of .ci/run: each test of a step that reports its tests, else the step as one.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2];
const total = { passed: 0, failed: 0, skipped: 0 };

/** Counts of one step's report: vitest's or GoogleTest's JSON. */
function counts(report) {
  if ('numTotalTests' in report)
    return {
      passed: report.numPassedTests,
      failed: report.numFailedTests,
      skipped: report.numPendingTests + report.numTodoTests,
    };
  const all = report.testsuites.flatMap((suite) => suite.testsuite);
  const skipped = all.filter((one) => one.result === 'SKIPPED' || one.status === 'NOTRUN').length;
  return { passed: report.tests - report.failures - skipped, failed: report.failures, skipped };
}

for (const file of readdirSync(folder).filter((name) => name.endsWith('.status'))) {
  const name = file.slice(0, -'.status'.length);
  const held = readFileSync(join(folder, file), 'utf8').trim() === '0';
  const report = join(folder, `${name}.json`);
  let one = { passed: held ? 1 : 0, failed: held ? 0 : 1, skipped: 0 };
  if (existsSync(report)) {
    one = counts(JSON.parse(readFileSync(report, 'utf8')));
    // A suite that could not run at all counts, though no test of it failed.
    if (!held && one.failed === 0) one.failed = 1;
  }
  console.log(`${name}: ${one.passed} passed, ${one.failed} failed, ${one.skipped} skipped`);
  for (const key of Object.keys(total)) total[key] += one[key];
}
const finished = total.failed === 0 && existsSync(join(folder, 'test.status'));
if (!finished && total.failed === 0) total.failed = 1;
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(finished ? 0 : 1);
