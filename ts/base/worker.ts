import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';

/**
 * Starts a thread of this project.
 * @param module its file as built, beside the caller: 'tfjs-worker.js'
 * @param from the caller's import.meta.url
 */
export function startWorker(module: string, from: string): Worker {
  if (!from.endsWith('.ts')) return new Worker(new URL(module, from));
  // From the sources (tests, tsx): a new thread does not have the loader of TypeScript yet.
  // By path: neither vitest's import.meta nor a thread's own code resolves tsx/esm/api as it should.
  const tsx = createRequire(import.meta.url).resolve('tsx');
  const loader = new URL('esm/api/index.mjs', pathToFileURL(tsx)).href;
  const source = new URL(module.replace(/\.js$/, '.ts'), from).href;
  const code = `import(${JSON.stringify(loader)}).then((tsx) => tsx.tsImport(${JSON.stringify(source)}, ${JSON.stringify(from)}));`;
  return new Worker(code, { eval: true });
}
