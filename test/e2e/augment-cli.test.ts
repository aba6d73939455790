import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { UserError } from '../../ts/base/errors.js';
import { augmentCommand } from '../../ts/cli/augment-command.js';
import { useEngine } from '../../ts/backend/engine.js';
import { tinyGenerator } from '../helpers/generators.js';
import { writeTinyFaces } from '../helpers/tiny-run.js';

const cli = fileURLToPath(new URL('../../ts/cli/augment.ts', import.meta.url));
const tsx = fileURLToPath(new URL('../../node_modules/tsx/dist/loader.mjs', import.meta.url));

let folder: string;
let inputs: string[];
beforeAll(async () => {
  await useEngine('cpu');
  folder = await mkdtemp(join(tmpdir(), 'rareface-augment-cli-'));
  const data = join(folder, 'faces');
  await writeTinyFaces(data);
  const generator = await tinyGenerator({ size: 16, data });
  await writeFile(join(folder, 'gen.onnx'), generator);
  await writeFile(join(folder, 'cut.onnx'), generator.subarray(0, generator.length / 2));
  // Slow enough to be interrupted.
  await writeFile(join(folder, 'slow.onnx'), await tinyGenerator({ size: 48, data, baseWidth: 32, resBlocks: 6 }));
  inputs = (await readdir(folder)).sort();
});
afterAll(() => rm(folder, { recursive: true }));

interface Ended {
  code: number | null;
  out: string;
  err: string;
}

/** Runs the command in the folder. @param onError sees what stderr says so far, and may interrupt the command */
function run(
  args: string,
  { limit = '', onError }: { limit?: string; onError?: (text: string, interrupt: () => void) => void } = {},
): Promise<Ended> {
  const node = `${limit} exec ${process.execPath} --import ${tsx} ${cli} ${args}`;
  const child = spawn('bash', ['-c', node], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.on('data', (data: Buffer) => (out += data.toString()));
  child.stderr.on('data', (data: Buffer) => {
    err += data.toString();
    onError?.(err, () => child.kill('SIGINT'));
  });
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

/** What is in the folder and was not there at first. */
const news = async (): Promise<string[]> => (await readdir(folder)).filter((name) => !inputs.includes(name)).sort();

test('generates what the defaults of a run say', async () => {
  const { code, out, err } = await run('--onnx gen.onnx --n 30');
  expect(err).toMatch(
    /Making 30 Disgust faces from the 5 Neutral faces of .*faces, on the (CPU \(native\)|GPU \(onnxruntime\))\./,
  );
  expect(err).toContain('Generating 30/30');
  expect(out).toMatch(/^30 Disgust faces in augmented\/\d{8}-\d{6}-disgust, all different \([\d.]+ faces\/s\)\n$/);
  expect(code).toBe(0);
  const made = join(folder, 'augmented', (await readdir(join(folder, 'augmented')))[0]!);
  expect(await readdir(join(made, 'Disgust'))).toHaveLength(30);
  await rm(join(folder, 'augmented'), { recursive: true });
});

test('shows its help, with examples', async () => {
  const { code, out } = await run('--help');
  expect(code).toBe(0);
  for (const flag of [
    'onnx',
    'n',
    'data',
    'source',
    'class',
    'out',
    'format',
    'seed',
    'batch-size',
    'threads',
    'engine',
    'provider',
  ])
    expect(out).toContain(`--${flag} <`);
  expect(out).toContain('npm run augment -- --onnx runs/latest/gen_ab.onnx --n 500');
});

test.each([
  ['--onnx gen.onnx --n 0', 'Expected an integer between 1 and 10000000 for n (--n) but received 0 of type number.'],
  ['--onnx cut.onnx --n 5', 'cut.onnx is cut short, or not an ONNX file'],
  ['--onnx gen.onnx --n 5 --class Bored', "There is no class 'Bored'."],
])('%s: one line, exit code 1, nothing left behind', async (args, message) => {
  const { code, out, err } = await run(`${args} --provider cpu`);
  expect(err).toMatch(/^error: [^\n]+\n$/);
  expect(err).toContain(message);
  expect(out).toBe('');
  expect(code).toBe(1);
  expect(await news()).toEqual([]);
});

test.each([
  ['--onnx gen.onnx --n many', "for n (--n) but received 'many' of type string"],
  ['--onnx gen.onnx --n 5 --batch-size x', "for batchSize (--batch-size) but received 'x' of type string"],
  ['--onnx gen.onnx', "required option '--n <number>' not specified"],
  ['--n 5', "required option '--onnx <file>' not specified"],
  ['--onnx gen.onnx --n 5 --format gif', "one of png, csv for format (--format) but received 'gif'"],
  [
    '--onnx gen.onnx --n 5 --engine tvm',
    "one of auto, onnxruntime, native, native-cuda, tfjs-node-gpu, tfjs-node, cpu for engine (--engine) but received 'tvm'",
  ],
  ['--onnx gen.onnx --n 5 --provider tpu', "one of auto, cuda, cpu for provider (--provider) but received 'tpu'"],
  ['--onnx gen.onnx --n 5 --clas Disgust', "unknown option '--clas' (Did you mean --class?)"],
])('%s is refused', async (args, message) => {
  await expect(augmentCommand(args.split(' '))).rejects.toThrow(UserError);
  await expect(augmentCommand(args.split(' '))).rejects.toThrow(message);
});

test('a disk that fills up: one line, exit code 1, nothing left behind', async () => {
  // No file may grow beyond a block: the manifest does, and rows of faces.
  for (const [args, file] of [
    ['--onnx gen.onnx --n 60', 'manifest\\.csv'],
    ['--onnx slow.onnx --n 2 --format csv', 'faces\\.csv'],
  ] as const) {
    const { code, err } = await run(`${args} --out full --provider cpu`, { limit: 'ulimit -f 1;' });
    expect(err).toMatch(new RegExp(`\\nerror: Cannot write /[^\\n]+/full\\.[^/\\n]+/${file}: EFBIG[^\\n]*\\n$`));
    expect(code).toBe(1);
  }
  expect(await news()).toEqual([]);
});

test('Ctrl-C leaves nothing behind', async () => {
  let seen: string[] = [];
  let asked = false;
  const { code, err, out } = await run('--onnx slow.onnx --n 490 --out stopped --batch-size 1 --provider cpu', {
    onError(text, interrupt) {
      if (asked || !text.includes('Generating 0/490')) return;
      asked = true;
      void news().then((names) => {
        seen = names;
        interrupt();
      });
    },
  });
  expect(seen).toEqual([expect.stringMatching(/^stopped\..*\.tmp$/)]);
  expect(err).toMatch(/\nStopping after this batch, .*\nStopped: nothing was written\.\n$/s);
  expect(out).toBe('');
  expect(code).toBe(130);
  expect(await news()).toEqual([]);
});
