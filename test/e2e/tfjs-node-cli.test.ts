import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readWeights } from '../../ts/models/weights.js';
import { readMetrics } from '../../ts/train/metrics.js';
import { noTfjsNode } from '../helpers/tfjs-node.js';
import { tinyRun, writeTinyFaces } from '../helpers/tiny-run.js';

// A URL: the child's folder is elsewhere.
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rareface-tfjs-node-'));
  await writeTinyFaces(join(folder, 'faces'));
  const config = { ...tinyRun, epochsFlat: 1, epochsDecay: 1, data: join(folder, 'faces'), logEvery: 1 };
  await writeFile(join(folder, 'tiny.json'), JSON.stringify(config));
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs a command of the product in `folder`. */
function command(name: 'train' | 'augment' | 'pretrain', args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const cli = fileURLToPath(new URL(`../../ts/cli/${name}.ts`, import.meta.url));
  const child = spawn(process.execPath, ['--import', tsx, cli, ...args], {
    cwd: folder,
    env: { ...process.env, ...env },
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (data: Buffer) => (out += data.toString()));
  child.stderr.on('data', (data: Buffer) => (err += data.toString()));
  return new Promise<{ code: number | null; out: string; err: string }>((resolve) =>
    child.on('close', (code) => resolve({ code, out, err })),
  );
}

const train = (runs: string, ...args: string[]) => command('train', [...args, '--runs', join(folder, runs)]);
const latest = (runs: string, ...path: string[]) => join(folder, runs, 'latest', ...path);

async function weightsOf(runs: string) {
  const newest = (await readdir(latest(runs, 'checkpoints'))).sort().at(-1)!;
  return (await readWeights(latest(runs, 'checkpoints', newest, 'tensors.safetensors'))).params;
}

describe.skipIf(noTfjsNode)('the commands on the engine tfjs-node', () => {
  test('a run trains, goes on, and its generator makes faces', { timeout: 180_000 }, async () => {
    const begun = await train('parts', '--config', 'tiny.json', '--engine', 'tfjs-node', '--max-steps', '7');
    expect(begun.err).not.toMatch(/error|warning|tensorflow\//i);
    expect(begun.out).toContain('Stopped at step 7 of 12');
    expect(JSON.parse(await readFile(latest('parts', 'config.json'), 'utf8'))).toMatchObject({ engine: 'tfjs-node' });
    const [whole, rest] = [
      await train('whole', '--config', 'tiny.json', '--engine', 'tfjs-node'),
      await train('parts', '--resume', 'latest'),
    ];
    expect(rest.out).toContain('Finished at step 12 of 12');
    expect(rest.err).not.toContain('warning');
    expect(whole.code).toBe(0);
    const losses = async (runs: string) =>
      (await readMetrics(latest(runs, 'metrics.jsonl'))).map((line) => ({ ...line, seconds: 0 }));
    expect(await losses('parts')).toEqual(await losses('whole'));
    expect(await weightsOf('parts')).toEqual(await weightsOf('whole'));
    const generator = ['--onnx', latest('whole', 'gen_ab.onnx'), '--engine', 'tfjs-node'];
    const made = await command('augment', [...generator, '--n', '4', '--out', 'made']);
    expect(made.err).toContain('on the CPU (tfjs-node)');
    expect(made.code).toBe(0);
    expect(await readdir(join(folder, 'made', 'Disgust'))).toHaveLength(4);
  });

  test('pretraining trains and measures', async () => {
    const small = ['--width', '0.03125', '--size', '16', '--small-fraction', '0', '--batch-size', '2', '--epochs', '1'];
    const data = ['--data', 'faces', '--holdout', '0.4', '--engine', 'tfjs-node'];
    const trained = await command('pretrain', [...small, ...data, '--out', 'net.safetensors']);
    expect(trained.out).toMatch(/Finished at step \d/);
    const measured = await command('pretrain', ['--evaluate', 'net.safetensors', ...data]);
    expect(measured.code).toBe(0);
    expect(trained.out).toContain(measured.out.trim());
  });

  test('auto takes it where the addon does not load', async () => {
    const { err, out } = await command('train', ['--config', 'tiny.json', '--engine', 'auto', '--dry-run'], {
      RAREFACE_ADDON: join(folder, 'no.node'),
    });
    expect(err).toMatch(
      /^Engine tfjs-node: the next fastest on the CPU; .*The native addon could not be loaded: [^\n]*\n/m,
    );
    expect(err).toMatch(/^Engine tfjs-node runs without this project's kernels: /m);
    expect(out).toContain('"engine": "tfjs-node"');
  });
});
