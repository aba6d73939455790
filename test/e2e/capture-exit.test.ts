import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const { resolve } = createRequire(import.meta.url);
const resolved = (module: string) => JSON.stringify(pathToFileURL(resolve(module)));

/** A captured step of some 100 ms, and something done while it runs. */
const script = (meanwhile: string) => `
  import * as tf from ${resolved('@tensorflow/tfjs-core')};
  import { Worker, parentPort } from 'node:worker_threads';
  import { StepRunner, useEngine } from ${resolved('../../dist/index.js')};
  await useEngine('native');
  const runner = new StepRunner((state, { a }) => {
    let y = a;
    for (let i = 0; i < 30; i++) y = tf.matMul(y, a);
    return { state, outputs: { y } };
  });
  const a = tf.fill([1000, 1000], 1e-3);
  ${meanwhile}
`;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'rareface-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function run(meanwhile: string) {
  const file = join(folder, 'main.mjs');
  writeFileSync(file, script(meanwhile));
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8' });
  return { status, signal, stdout, stderr };
}

test('a process may exit while a captured step runs', () => {
  const exited = run(`
    runner.run({}, { a });
    setTimeout(() => process.exit(3), 5);
  `);
  expect(exited).toEqual({ status: 3, signal: null, stdout: '', stderr: '' });
});

test('so may one that forgets it, and one whose code throws meanwhile', () => {
  expect(run('runner.run({}, { a });')).toEqual({ status: 0, signal: null, stdout: '', stderr: '' });
  const thrown = run(`
    runner.run({}, { a });
    throw new Error('thrown meanwhile');
  `);
  expect(thrown).toMatchObject({ status: 1, signal: null });
  expect(thrown.stderr).toContain('thrown meanwhile');
});

test('a worker may be ended while a captured step runs in it', () => {
  const worker = join(folder, 'worker.mjs');
  writeFileSync(
    worker,
    script(`
      setTimeout(() => parentPort.postMessage('running'), 5);
      await runner.run({}, { a });
    `),
  );
  const ended = run(`
    const worker = new Worker(${JSON.stringify(worker)});
    worker.on('error', (error) => console.error(error));
    worker.on('message', async () => {
      await worker.terminate();
      const { y } = (await runner.run({}, { a })).outputs;
      console.log(y.dataSync()[0].toFixed(6));
    });
  `);
  expect(ended).toEqual({ status: 0, signal: null, stdout: '0.001000\n', stderr: '' });
});
