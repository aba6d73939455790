// The tests of kernels and steps on a GPU, as they are and under compute-sanitizer: npm run test:cuda -- --help
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../addon/record.mjs';
import { findDriver } from './driver.mjs';
import { findToolkit, ownToolkit } from './toolkit.mjs';

const sanitizers = ['memcheck', 'racecheck', 'initcheck'];

/** Files that go through every hot kernel: under a sanitizer all of them would take hours. */
const underSanitizer = [
  'conv',
  'matmul',
  'instance-norm',
  'residual-dense-block',
  'perceptual-loss',
  'reduction',
  'adam',
];

const help = `Runs the tests of kernels and training steps on a GPU (npm run setup:cuda first).

Usage: npm run test:cuda -- [options] [test files]

  --sanitize [tools]  then again under compute-sanitizer: ${sanitizers.join(', ')}, or some of them.
                      By default those of ${underSanitizer.join(', ')}
  --emulated          on the CPU that plays a GPU, without compute-sanitizer
  --help              show this help`;

function fail(message) {
  console.error(`rareface: ${message}`);
  process.exit(1);
}

function readOptions() {
  // --sanitize alone means all of them.
  const args = process.argv.slice(2).flatMap((arg, i, all) => {
    const value = all[i + 1];
    return arg === '--sanitize' && !sanitizers.includes(value?.split(',')[0]) ? [arg, sanitizers.join()] : [arg];
  });
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        sanitize: { type: 'string' },
        emulated: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    return fail(`${error.message} See --help.`);
  }
}

const { values: options, positionals: files } = readOptions();
if (options.help) {
  console.log(help);
  process.exit();
}
const tools = options.sanitize?.split(',') ?? [];
for (const tool of tools)
  if (!sanitizers.includes(tool))
    fail(`expected some of ${sanitizers.join(', ')} for --sanitize but received '${tool}'`);
const device = options.emulated ? 'cuda-emulated' : 'cuda';
if (!options.emulated && !findDriver())
  fail('no NVIDIA driver is found on this machine (nvidia-smi does not run). --emulated runs the tests on the CPU.');

/** Runs the tests, with a command in front. @returns whether they passed */
function test(tests, front = []) {
  const vitest = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--project', device, ...tests];
  const [command, ...args] = [...front, process.execPath, ...vitest];
  console.log(
    `rareface: ${front.length > 0 ? `${front.join(' ')} ` : ''}vitest --project ${device} ${tests.join(' ')}`,
  );
  const env = { ...process.env, RAREFACE_TEST_CUDA: '1' };
  return spawnSync(command, args, { cwd: root, stdio: 'inherit', env }).status === 0;
}

function findSanitizer() {
  const found = [findToolkit(), ownToolkit()]
    .flatMap((toolkit) => (toolkit ? [join(dirname(toolkit.nvcc), 'compute-sanitizer')] : []))
    .find((path) => existsSync(path));
  return found ?? fail('compute-sanitizer was not found: npm run setup:cuda -- --own --no-build brings it.');
}

const failed = test(files) ? [] : ['the tests'];
if (tools.length > 0 && !options.emulated) {
  const sanitizer = findSanitizer();
  const chosen = files.length > 0 ? files : underSanitizer.map((name) => `test/parity/${name}.test.ts`);
  for (const tool of tools)
    if (!test(chosen, [sanitizer, '--tool', tool, '--target-processes', 'all', '--error-exitcode', '9']))
      failed.push(tool);
}
if (failed.length > 0) fail(`failed: ${failed.join(', ')}`);
