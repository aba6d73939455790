import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { benchCommand } from '../../bench/command.js';
import type { Comparison } from '../../bench/comparison.js';
import { networks, peerConfig } from '../../bench/configs.js';
import {
  convFlops,
  discriminatorFlops,
  generatorFlops,
  perceptualFlops,
  stepFlops,
  trunkFlops,
  vgg19Flops,
} from '../../bench/flops.js';
import type { Machine } from '../../bench/machine.js';
import { measure, spread, type Contestant } from '../../bench/measure.js';
import { tableOf } from '../../bench/output.js';
import { benchPeers } from '../../bench/peers.js';
import { configurationsOf, fastestOf, probeLines, type Probe } from '../../bench/peers/configurations.js';
import { fastestPeer } from '../../bench/peers/race.js';
import { TorchProcess, type TorchSettings } from '../../bench/peers/torch-process.js';
import { parseArguments } from '../../ts/cli/arguments.js';
import { presets } from '../../ts/train/presets.js';

describe('counting operations', () => {
  const { reference } = networks;
  const giga = (flops: number) => flops / 1e9;

  test('counts a convolution by hand', () => {
    // 2 x 2 results of 3 filters of 3 x 3 x 5: a product and a sum each.
    expect(convFlops(2, 3, 5, 3)).toBe(2 * 4 * 3 * 9 * 5);
  });

  // By PyTorch's FlopCounterMode, of the peer's default configuration.
  test.each([
    ['a generator', generatorFlops(reference, 48), 2.56],
    ['its trunk', trunkFlops(reference, 12, 256), 2.134],
    ['a trunk forward and backward', 3 * trunkFlops(reference, 12, 256), 6.402],
    ['a discriminator', discriminatorFlops(reference, 48).all, 0.184],
    ['VGG19', vgg19Flops(48), 1.792],
    ['a step', stepFlops(reference), 59.596],
    ['a step without features', stepFlops({ ...reference, perceptualAlpha: 0 }), 48.847],
    ["a CycleGAN's generator", generatorFlops({ ...reference, generator: 'cyclegan' }, 48), 2.465],
    ["a CycleGAN's step", stepFlops({ ...reference, generator: 'cyclegan', resBlocks: 9 }), 76.222],
  ])('counts %s as PyTorch does', (_, flops, expected) => {
    expect(giga(flops)).toBeCloseTo(expected, 3);
  });

  test('grows with the batch and with the square of the size', () => {
    expect(stepFlops({ ...reference, batchSize: 8 })).toBe(8 * stepFlops(reference));
    expect(generatorFlops(reference, 96)).toBe(4 * generatorFlops(reference, 48));
    expect(perceptualFlops(48)).toBe(3 * vgg19Flops(48));
  });

  test('names the same network for the peer', () => {
    expect(peerConfig(networks['write-up'])).toMatchObject({
      ...{ nb: 6, n_rdb: 2, n_conv: 3, trunk_norm: true, lambda_cycle: 10, lambda_idt: 0.5, pool_size: 50 },
      lambda_perc: 1,
    });
    expect(peerConfig(reference)).toMatchObject({ nb: 2, n_rdb: 3, n_conv: 5, trunk_norm: false, channels: 3 });
  });
});

describe('measuring', () => {
  test('interleaves, leaves warm-ups out, lets the slow run once and takes a time that a contestant gives', async () => {
    const calls: string[] = [];
    const contestant = (name: string, extra: Partial<Contestant> = {}): Contestant => ({
      name,
      run: () => {
        calls.push(name);
        return name === 'a' ? 10 : 20;
      },
      ...extra,
    });
    const timings = await measure(
      [contestant('a', { flops: 5, onceOver: 10 }), contestant('b'), contestant('once', { onceOver: 19 })],
      {
        rounds: 2,
        turnMs: 0,
      },
    );
    expect(timings.map(({ name, median, runs }) => [name, median, runs])).toEqual([
      ['a', 10, 2],
      ['b', 20, 2],
      ['once', 20, 1],
    ]);
    expect(timings[0]!.flops).toBe(5);
    expect(calls.join(' ')).toBe('a b once a b b a');
  });

  test('gives medians and quartiles', () => {
    expect(spread([4, 1, 3, 2])).toEqual({ low: 1.75, median: 2.5, high: 3.25, least: 1, runs: 4 });
  });
});

describe('tables', () => {
  const machine: Machine = {
    ...{ processor: 'p', cores: 2, memoryGiB: 8, node: 'v20', isa: 'avx512', threads: 2, load: 0 },
    peakGflops: { float32: 200, bfloat16: 400 },
  };
  const timing = { low: 90, high: 110, least: 80, runs: 3 };
  const comparison: Comparison = {
    ...{ title: 'Step', detail: 'of a kind', images: 4, notes: ['mind this'] },
    timings: [
      { ...timing, name: 'native', median: 100, flops: 1e10, peakMiB: 512.3 },
      { ...timing, name: 'other', median: 250, flops: 1e10, precision: 'bfloat16' },
    ],
  };

  test('show ratios, operations a second, share of the peak of the same precision, images and memory', () => {
    const [title, head, native, other, note] = tableOf(comparison, machine).split('\n');
    expect(title).toBe('Step (of a kind)');
    expect(head!.trim().split(/ {2,}/)).toEqual([
      ...['ms (median)', 'quartiles', 'runs', 'times first', 'GFLOP/s', 'of peak', 'images/s', 'peak MiB'],
    ]);
    expect(native!.split(/ {2,}/)).toEqual([
      ...['native', '100', '90.0 - 110', '3', '1.00', '100', '50 %', '40.0', '512'],
    ]);
    expect(other!.split(/ {2,}/)).toEqual(['other', '250', '90.0 - 110', '3', '2.50', '40.0', '10 %', '16.0']);
    expect(note).toBe('  mind this');
  });

  test('leave out columns of which nothing is known', () => {
    const plain = { ...comparison, images: undefined, timings: [{ ...timing, name: 'native', median: 100 }] };
    expect(tableOf(plain, machine)).not.toMatch(/GFLOP|peak|images/);
  });
});

describe('the command line', () => {
  const parse = (...args: string[]) => parseArguments(benchCommand().command, args);

  test.each([
    [['nonsense'], /unknown command 'nonsense'/],
    [['step', '--batch', '1,0'], /--batch <sizes>' argument '1,0' is invalid. Expected an integer between 1 and 4096/],
    [['step', '--precision', 'float16'], /Expected float32, bfloat16/],
    [['step', '--network', 'huge'], /Expected reference, write-up/],
    [['kernels', '--engines', 'native,cuda'], /Expected native, tfjs-node, tfjs-node-plain, wasm, cpu/],
    [['peers', 'dance'], /Allowed choices are step, trunk, vgg, infer/],
    [['peers', '--configurations', 'fastest'], /Expected eager, eager\+compile/],
    [['scaling', 'time'], /Allowed choices are batch, base-width, image-size, blocks/],
    [['convs', '--seconds', '-1'], /Expected a number above 0/],
    [['step', '--name', '../x'], /Expected letters, digits/],
  ])('refuses %j and says what it takes', (args, message) => {
    expect(() => parse(...args)).toThrow(message);
  });

  test('takes what it offers', () => {
    expect(parse()).toBe(true);
    expect(parse('kernels', '--batch', '1,8', '--rounds', '2', '--engines', 'native,wasm')).toBe(true);
    expect(parse('peers', 'step', 'trunk', '--python', 'python3', '--configurations', 'eager,merge+compile')).toBe(
      true,
    );
    expect(parse('scaling', 'image-size', '--precision', 'float32,bfloat16')).toBe(true);
  });

  test('says how to get PyTorch and the peer', () => {
    const options = { batch: [1], precision: ['float32'], network: 'reference' } as const;
    expect(() => benchPeers(['step'], options, {})).toThrow(/needs --python .*pip install torch.*--peer/);
    expect(() => benchPeers(['step'], { ...options, python: 'python3', peer: '/' }, {})).toThrow(
      /^\/ holds no ecyclegan_torch.py/,
    );
  });
});

describe("PyTorch's configurations", () => {
  const probes: Probe[] = [
    { id: 'eager', ms: 20, peakMiB: 800 },
    { id: 'eager+compile', error: 'no compiler' },
    { id: 'merge', ms: 15, peakMiB: 900 },
  ];

  test('the fastest that works is chosen, and none where none works', () => {
    expect(fastestOf(probes)?.id).toBe('merge');
    expect(fastestOf(probes.slice(1, 2))).toBeUndefined();
  });

  test('all are reported, the failing ones too', () => {
    expect(probeLines(probes)).toEqual([
      'merge          15.0 ms, 900 MiB',
      'eager          20.0 ms, 800 MiB',
      'eager+compile  failed: no compiler',
    ]);
  });

  test('every one comes with and without torch.compile; a kind of norm is tried only where there are norms', () => {
    expect(configurationsOf('trunk', false).map(({ id }) => id)).toEqual([
      ...['eager', 'eager+compile', 'channels-last', 'channels-last+compile'],
    ]);
    expect(configurationsOf('step')).toHaveLength(8);
    expect(configurationsOf('step').at(-1)!.settings).toEqual({
      ...{ channels_last: true, group_norm: true, merge: true, compile: true },
    });
  });
});

describe("PyTorch's process", () => {
  let folder: string;
  let script: string;
  const settings: TorchSettings = {
    ...{ peer: '.', task: 'step', batch: 1, size: 48, threads: 2, network: {} },
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bench-test-'));
    script = join(folder, 'fake.py');
    // Answers as torch_peer.py does, in place of PyTorch: merge is fastest, compile fails.
    await writeFile(
      script,
      `import json, sys
settings = json.loads(sys.argv[1])
def answer(**values):
    print(json.dumps(values), flush=True)
if settings.get("compile"):
    answer(error="RuntimeError: no compiler\\nadvice")
    sys.exit(1)
if settings["task"] == "trunk":
    sys.exit("out of luck")
answer(ready=True)
for line in sys.stdin:
    if line == "run\\n":
        answer(ms=settings["batch"] * (1.5 if settings.get("merge") else 2.5))
    elif settings["task"] == "infer":
        print("not json", flush=True)
    else:
        answer(peakMiB=64.5)
`,
    );
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('runs when it is told to and gives its own time', async () => {
    const process = await TorchProcess.start('python3', { ...settings, batch: 4 }, script);
    expect(await process.run()).toBe(10);
    expect(await process.run()).toBe(10);
    expect(await process.peakMiB()).toBe(64.5);
    await process.close();
    await expect(process.run()).rejects.toThrow('has ended');
  });

  test('says why it fails', async () => {
    await expect(TorchProcess.start('python3', { ...settings, compile: true }, script)).rejects.toThrow(
      /^RuntimeError: no compiler$/,
    );
    await expect(TorchProcess.start('python3', { ...settings, task: 'trunk' }, script)).rejects.toThrow(
      'python3 ended with exit code 1: out of luck',
    );
    await expect(TorchProcess.start(join(folder, 'missing'), settings, script)).rejects.toThrow('does not start');
    const process = await TorchProcess.start('python3', { ...settings, task: 'infer' }, script);
    await expect(process.peakMiB()).rejects.toThrow('received: not json');
    await process.close();
  });

  test('a race is run by the fastest configuration, and its trials are told', async () => {
    // An interpreter that runs the fake instead of the script it is given.
    const python = join(folder, 'python');
    await writeFile(python, `#!/bin/sh\nexec python3 '${script}' "$2"\n`);
    await chmod(python, 0o755);
    const task = { name: 'PyTorch', precision: 'float32', flops: 1, settings } as const;
    const interpreter = { python, say: () => undefined };
    const { fastest, notes } = await fastestPeer({ ...task, configurations: configurationsOf('step') }, interpreter);
    expect(fastest!.contestant.name).toBe('PyTorch (merge)');
    expect(await fastest!.contestant.run()).toBe(1.5);
    expect(await fastest!.peakMiB()).toBe(64.5);
    await fastest!.contestant.dispose?.();
    expect(notes).toHaveLength(10);
    expect(notes.filter((note) => note.includes('failed: RuntimeError: no compiler'))).toHaveLength(4);
    const compiled = configurationsOf('step').filter(({ settings: { compile } }) => compile);
    const none = await fastestPeer({ ...task, configurations: compiled }, interpreter);
    expect(none.fastest).toBeUndefined();
    expect(none.notes.at(-1)).toBe('PyTorch is left out: no configuration works.');
  });
});

test('the networks are those of training with full dense blocks', () => {
  expect(networks.reference.growth).toBe(presets['paper-ecyclegan'].growth);
  expect(networks['write-up']).toMatchObject({ blocks: 6, denseBlocks: 2, subBlocks: 3, trunkNorm: 'instance' });
});
