// Builds and runs the C++ tests of the native code.
//
//   node scripts/native-tests.mjs [--sanitize address|thread] [--report FILE] [GoogleTest flags...]
//
// --sanitize address: AddressSanitizer and UBSan over the addon and the kernels as well; then the
//   JavaScript tests that run on the native backend run with that addon, where every tensor is a
//   block of its own, so that an access outside one is seen.
// --sanitize thread: ThreadSanitizer over the runtime and the portable kernels.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { BuildError, buildWithCmake } from './addon/build.mjs';
import { root, wantedIsas } from './addon/record.mjs';
import { findTools, missingToolsMessage } from './addon/tools.mjs';

const isGoogleTests = (arg) => arg.startsWith('--gtest_');
const { values: options } = parseArgs({
  args: process.argv.slice(2).filter((arg) => !isGoogleTests(arg)),
  options: { sanitize: { type: 'string' }, report: { type: 'string' } },
});
const googleTestFlags = process.argv.slice(2).filter(isGoogleTests);

const variants = {
  none: { folder: 'build-native-tests', sanitizers: '', emulator: 'ON', isas: wantedIsas('all') },
  address: {
    folder: 'build-asan',
    sanitizers: 'address,undefined',
    emulator: 'ON',
    isas: [wantedIsas('')[0], 'portable'],
  },
  thread: { folder: 'build-tsan', sanitizers: 'thread', emulator: 'OFF', isas: ['portable'] },
};
const variant = variants[options.sanitize ?? 'none'];

function fail(message) {
  console.error(`rareface: ${message}`);
  process.exit(1);
}

/** Runs a command in the open; the script ends where it fails. */
async function run(command, args, env = {}) {
  const child = spawn(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });
  const [status, signal] = await once(child, 'exit');
  if (status !== 0) fail(`${command} ended with ${signal ?? status}`);
}

if (!variant) fail(`expected address or thread for --sanitize but received '${options.sanitize}'`);
const tools = findTools();
const missing = missingToolsMessage(tools, 'cmake');
if (missing) fail(missing);
if (!existsSync('/usr/include/gtest/gtest.h') && !process.env.GTest_DIR && !process.env.GTEST_ROOT)
  fail('GoogleTest not found. Install it and try again:\n\n    apt-get install -y libgtest-dev\n');

const output = join(root, variant.folder);
try {
  const settings = {
    RAREFACE_NATIVE_TESTS: 'ON',
    RAREFACE_SANITIZE: variant.sanitizers,
    RAREFACE_CUDA_EMULATOR: variant.emulator,
  };
  buildWithCmake({ output, isas: [...new Set(variant.isas)], tools, settings });
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  fail(error.message);
}

const sanitizerOptions = {
  ASAN_OPTIONS: 'detect_stack_use_after_return=1:strict_init_order=1:allocator_may_return_null=1',
  UBSAN_OPTIONS: 'print_stacktrace=1',
  TSAN_OPTIONS: 'halt_on_error=1:allocator_may_return_null=1',
};
const report = options.report ? [`--gtest_output=json:${options.report}`] : [];
// A report is one process's; without one, every core has a share of the tests.
const shares = options.report ? 1 : availableParallelism();
const share = (index) =>
  run(join(output, 'test/native/native-tests'), ['--gtest_brief=1', ...report, ...googleTestFlags], {
    ...sanitizerOptions,
    GTEST_TOTAL_SHARDS: String(shares),
    GTEST_SHARD_INDEX: String(index),
  });
await Promise.all(Array.from({ length: shares }, (_, index) => share(index)));

if (options.sanitize === 'address') {
  const library = spawnSync(process.env.CXX ?? 'c++', ['-print-file-name=libasan.so'], { encoding: 'utf8' });
  console.log('rareface: the JavaScript tests of the native backend, with AddressSanitizer');
  await run(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/sanitize.config.ts'], {
    LD_PRELOAD: library.stdout.trim(),
    RAREFACE_ADDON: join(output, 'Release', 'rareface.node'),
    // Node itself leaves memory to the system when it ends.
    ASAN_OPTIONS: 'detect_leaks=0',
    UBSAN_OPTIONS: 'print_stacktrace=1',
  });
}
