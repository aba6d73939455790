import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { boundOf, cardOf, h200 } from '../../bench/cuda/card.js';
import { compiledText, spills } from '../../bench/cuda/compiled.js';
import { costOf } from '../../bench/calls/costs.js';
import { shortName } from '../../bench/cuda/names.js';
import { multiprocessors, occupancy } from '../../bench/cuda/occupancy.js';
import { between } from '../../bench/cuda/page.js';
import { benchGpu } from '../../bench/cuda/race.js';
import { recordStep } from '../../bench/calls/record.js';
import { parseResources } from '../../bench/cuda/resources.js';
import { networks } from '../../bench/configs.js';
import { stepFlops, vgg19Flops } from '../../bench/flops.js';
import type { Call } from '../../ts/backend/capture/recorder.js';

describe('what a step asks for', () => {
  const config = networks.reference;
  let calls: Call[];
  beforeAll(async () => {
    calls = await recordStep(config, 'native');
  });
  afterAll(() => {
    calls = [];
  });

  test('are the operations of its convolutions, but for features of real images, which a run keeps', () => {
    const flops = calls.reduce((sum, call) => sum + costOf(call).matrixFlops, 0);
    expect(flops).toBeCloseTo(stepFlops(config) - 2 * vgg19Flops(config.size), -2);
  });

  test('is at least to read and write every tensor of a call once', () => {
    for (const call of calls) {
      const least = [...call.outputs].reduce((sum, { dims }) => sum + 4 * dims.reduce((a, b) => a * b, 1), 0);
      expect(costOf(call).bytes, call.kernel).toBeGreaterThanOrEqual(least);
    }
  });

  test('is bound by what takes longest', () => {
    const cost = { matrixFlops: h200.matrix.tf32, otherFlops: 0, bytes: h200.bandwidth / 2 };
    expect(boundOf(h200, 'tf32', cost, 1)).toEqual({ seconds: 1, by: 'products' });
    expect(boundOf(h200, 'bfloat16', cost, 1)).toMatchObject({ by: 'products' });
    expect(boundOf(h200, 'tf32', { ...cost, bytes: 2 * h200.bandwidth }, 1)).toEqual({ seconds: 2, by: 'memory' });
    expect(boundOf(h200, 'tf32', { matrixFlops: 0, otherFlops: 0, bytes: 4 }, 3)).toEqual({
      ...{ seconds: 3 * h200.launch, by: 'launches' },
    });
  });

  test('cards are known by their descriptions', () => {
    expect(cardOf('NVIDIA H200, 132 multiprocessors')?.name).toBe('H200');
    expect(cardOf('NVIDIA H100 80GB HBM3, 132 multiprocessors')?.name).toBe('H100');
    expect(cardOf('CUDA emulator')).toBeUndefined();
  });
});

describe('occupancy', () => {
  // What cudaOccMaxActiveBlocksPerMultiprocessor of CUDA 13.0 gives.
  test.each([
    ['sm_80', 256, 64, 16384, 4],
    ['sm_80', 256, 64, 50000, 3],
    ['sm_90', 256, 64, 50000, 4],
    ['sm_90', 256, 64, 100000, 2],
    ['sm_90', 128, 168, 0, 3],
    ['sm_80', 32, 32, 0, 32],
    ['sm_80', 32, 64, 16384, 9],
    ['sm_80', 32, 96, 1024, 20],
  ] as const)('on %s of %i threads, %i registers, %i bytes', (architecture, threads, registers, shared, blocks) => {
    const found = occupancy(multiprocessors[architecture], { threads, registers, shared });
    expect(found).toEqual({ blocks, share: (blocks * threads) / 2048 });
  });
});

describe('what the compiler made', () => {
  const dump = [
    ...[
      'Fatbin elf code:',
      'arch = sm_80',
      ' Function _ZN8rareface4cuda44_GLOBAL__N__1fc49f96_11_few_cols_cu_7085da304tileILi64ELb1EEEvPKf:',
    ],
    '  REG:96 STACK:40 SHARED:1024 LOCAL:0 CONSTANT[0]:360 TEXTURE:0 SURFACE:0 SAMPLER:0',
    ...[
      'arch = sm_90',
      ' Function _ZN8rareface4cuda44_GLOBAL__N__1fc49f96_11_few_cols_cu_7085da304tileILi64ELb1EEEvPKf:',
    ],
    '  REG:90 STACK:0 SHARED:2048 LOCAL:0 CONSTANT[0]:360 TEXTURE:0 SURFACE:0 SAMPLER:0',
  ].join('\n');

  test('is read from cuobjdump, without what the system reserves', () => {
    const name = 'few_cols tile<64, true>';
    expect(parseResources(dump)).toEqual([
      { name, architecture: 'sm_80', registers: 96, local: 40, shared: 1024 },
      { name, architecture: 'sm_90', registers: 90, local: 0, shared: 1024 },
    ]);
    expect(spills(parseResources(dump))).toEqual([`${name} keeps 40 bytes a thread in memory on sm_80`]);
    expect(spills(parseResources(dump.replace('STACK:40', 'STACK:32')))).toEqual([]);
  });

  test('becomes a table of what steps launch', () => {
    const launch = { name: 'few_cols tile<64, true>', blocks: 9, threads: 128, shared: 49152 };
    const [head, , row, , rest] = compiledText(parseResources(dump), [{ ...launch, shared: 0 }, launch]).split('\n');
    expect(head).toContain('sm_90: registers');
    expect(row!.split('|').map((cell) => cell.trim())).toEqual([
      ...['', '`few_cols tile<64, true>`', '128', '50176', '40', '96', '3, 19 %', '90', '4, 25 %', '', '', ''],
    ]);
    expect(rest).toContain('The other 0 kernels');
  });

  test('has names as the sources have them', () => {
    expect(
      shortName(
        'void rareface::cuda::(anonymous namespace)::apply<4, (rareface::Activation)2>(rareface::cuda::Slices, float (*)(float))',
      ),
    ).toBe('apply<4, (Activation)2>'.replace('(Activation)2', '2'));
    expect(shortName('rareface::cuda::(anonymous namespace)::adam(rareface::cuda::(anonymous namespace)::Table)')).toBe(
      'adam',
    );
  });

  test('goes between the markers of a page', () => {
    const page = 'a\n<!-- x -->\nold\n<!-- /x -->\nb';
    expect(between(page, 'x', 'new')).toBe('a\n<!-- x -->\n\nnew\n\n<!-- /x -->\nb');
    expect(() => between(page, 'y', 'new')).toThrow('The page has no <!-- y -->');
  });
});

describe('the race on a GPU', () => {
  const options = { device: 'cuda', batch: [1], precision: ['tf32'], network: 'tiny' } as const;
  test.each([
    [{ python: 'python3' }, 'both of --python and --peer'],
    [{ python: 'python3', peer: '/nowhere' }, '/nowhere holds no ecyclegan_torch.py'],
  ])('refuses %j', (more, message) => {
    expect(() => benchGpu({ ...options, ...more }, {})).toThrow(message);
  });
});
