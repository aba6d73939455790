// tfjs-core registers its gradients in a module that Node cannot import: it is written for
// bundlers (no file extensions, no "type": "module"). This bundles it to a file that Node can load;
// tfjs keeps its engine and registries in globals, so the copy of the ops within does no harm.
import { build } from 'esbuild';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

await build({
  entryPoints: [createRequire(import.meta.url).resolve('@tensorflow/tfjs-core/dist/register_all_gradients.js')],
  outfile: fileURLToPath(new URL('../dist/tfjs-gradients.cjs', import.meta.url)),
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  minifySyntax: true,
  logLevel: 'warning',
});
