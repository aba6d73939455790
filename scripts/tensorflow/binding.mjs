// tfjs-node's binding to libtensorflow.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { findTools, installCommand } from '../addon/tools.mjs';
import { SetupError } from '../wheels/setup-error.mjs';

/** As the package's binding.gyp has it, against libtensorflow and headers in its `deps`. */
export function compileBinding(packageFolder) {
  if (!findTools().compiler)
    throw new SetupError(`a C++ compiler was not found. Install it and try again:\n\n    ${installCommand()}\n`);
  const output = join(packageFolder, 'lib', 'napi-v8');
  mkdirSync(output, { recursive: true });
  const compiler = process.env.CXX ?? 'c++';
  const { include_dir: napiHeaders } = createRequire(import.meta.url)('node-api-headers');
  const { status, stderr, error } = spawnSync(
    compiler,
    [
      ...['-std=c++17', '-O2', '-fPIC', '-shared', '-w', '-DNAPI_VERSION=8'],
      ...[`-I${napiHeaders}`, '-Ideps/include', 'binding/tfjs_backend.cc', 'binding/tfjs_binding.cc'],
      ...['-Ldeps/lib', '-ltensorflow', '-ltensorflow_framework', '-Wl,-rpath,$ORIGIN/../../deps/lib'],
      ...['-o', join(output, 'tfjs_binding.node')],
    ],
    { cwd: packageFolder, encoding: 'utf8' },
  );
  if (status !== 0) throw new SetupError(`the binding does not compile:\n${error?.message ?? stderr}`);
}

/** The package's own way: downloads libtensorflow and a binding, or compiles it with node-gyp. */
export function runOfficialInstaller(packageFolder, kind) {
  const { status, signal } = spawnSync(process.execPath, ['scripts/install.js', kind, 'download'], {
    cwd: packageFolder,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, PATH: `${join(packageFolder, '../../.bin')}:${process.env.PATH}` },
  });
  if (status !== 0)
    throw new SetupError(
      `the package's own installer ended with ${signal ?? status}: its messages are above. ` +
        'Without --official, libtensorflow comes from the Python package index.',
    );
}
