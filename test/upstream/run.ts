import './setup.js';
import '@tensorflow/tfjs-core/dist/tests.js';
const report: any = { passed: 0, failed: [], pending: 0 };
const env = (globalThis as any).jasmine.getEnv();
env.configure({ random: false });
const t0 = performance.now();
env.addReporter({
  specDone(r: any) {
    if (r.status === 'passed') report.passed++;
    else if (r.status === 'failed')
      report.failed.push({
        name: r.fullName,
        messages: r.failedExpectations.map((e: any) => e.message.slice(0, 300)),
        stack: r.failedExpectations[0]?.stack?.slice(0, 1500),
      });
    else report.pending++;
  },
  suiteDone(r: any) {
    if (r.failedExpectations.length)
      report.failed.push({ name: 'SUITE ' + r.fullName, messages: r.failedExpectations.map((e: any) => e.message) });
  },
});
await env.execute();
const fs = await import('node:fs');
fs.writeFileSync(process.argv[2]!, JSON.stringify(report, null, 1));
console.log(report.passed, report.failed.length, report.pending, (performance.now() - t0) / 1000);
