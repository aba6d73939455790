import * as tf from '@tensorflow/tfjs-core';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { useEngine } from '../../ts/backend/engine.js';
import { UserError } from '../../ts/base/errors.js';
import { checkParams, downloadParams, uploadParams } from '../../ts/models/host-params.js';
import type { HostParams } from '../../ts/models/network.js';
import { readWeights, writeWeights } from '../../ts/models/weights.js';

const golden = (name: string) => fileURLToPath(new URL(`../golden/${name}`, import.meta.url));
/** What Python's safetensors and numpy wrote into the golden files. */
const ramp = Float32Array.from({ length: 24 }, (_, i) => i / 8 - 1);
const expectedParams = {
  filter: { shape: [2, 3, 4], values: ramp },
  half: { shape: [5], values: Float32Array.of(-0.5, -0.25, 0, 0.25, 0.5) },
  whole: { shape: [2, 2], values: Float32Array.of(1, -2, 3, 4) },
  bytes: { shape: [2], values: Float32Array.of(0, 255) },
  scalar: { shape: [], values: Float32Array.of(0.5) },
} satisfies HostParams;

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'weights-'))));
afterAll(() => rm(folder, { recursive: true }));

/** The error of reading these bytes; its message names the file. */
async function refusal(bytes: Uint8Array | string): Promise<string> {
  const path = join(folder, 'bad.weights');
  await writeFile(path, bytes);
  const error: unknown = await readWeights(path).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(UserError);
  expect((error as Error).message).toContain(path);
  expect((error as Error).message).not.toContain('\n');
  return (error as Error).message;
}

/** A safetensors file with this header and so many bytes of data. */
function safetensors(header: unknown, dataBytes: number): Uint8Array {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, Buffer.alloc(dataBytes)]);
}

describe('safetensors', () => {
  test('reads what the Python library wrote', async () => {
    const { params, metadata } = await readWeights(golden('weights.safetensors'));
    expect(params).toEqual(expectedParams);
    expect(metadata).toEqual({ 'made by': 'safetensors for Python', width: '0.5' });
  });

  test('gives back what was written, in order, and the same bytes each time', async () => {
    const params: HostParams = {
      z: expectedParams.filter,
      a: expectedParams.scalar,
      empty: { shape: [0, 3], values: new Float32Array() },
    };
    const path = join(folder, 'round.safetensors');
    await writeWeights(path, params, { note: 'grüße' }, 'float32');
    const read = await readWeights(path);
    expect(read).toEqual({ params, metadata: { note: 'grüße' } });
    expect(Object.keys(read.params)).toEqual(['z', 'a', 'empty']);
    const first = await readFile(path);
    await writeWeights(path, params, { note: 'grüße' }, 'float32');
    expect(await readFile(path)).toEqual(first);
    expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  test('rounds to half precision', async () => {
    const path = join(folder, 'half.safetensors');
    const values = Float32Array.of(1 / 3, -65504, 6e-8, 65519, NaN, -Infinity);
    await writeWeights(path, { x: { shape: [6], values } }, {}, 'float16');
    const { params } = await readWeights(path);
    expect(Array.from(params['x']!.values)).toEqual([0.333251953125, -65504, 2 ** -24, 65504, NaN, -Infinity]);
  });

  test('refuses to write what half precision cannot hold', async () => {
    const path = join(folder, 'large.safetensors');
    const params = { gain: { shape: [1], values: Float32Array.of(65520) } };
    await expect(writeWeights(path, params, {}, 'float16')).rejects.toThrow(
      /large\.safetensors.*tensor gain holds 65520/,
    );
    await expect(readFile(path)).rejects.toThrow(/ENOENT/);
  });

  test('refuses a missing file and a folder that cannot be written', async () => {
    await expect(readWeights(join(folder, 'nowhere.safetensors'))).rejects.toThrow(/Cannot read the weights .*nowhere/);
    await expect(writeWeights(join(folder, 'no', 'x'), {}, {}, 'float32')).rejects.toThrow(UserError);
  });

  test('refuses a file cut short anywhere', async () => {
    const whole = await readFile(golden('weights.safetensors'));
    for (const length of [0, 7, 40, whole.length - 100, whole.length - 1])
      expect(await refusal(whole.subarray(0, length))).toMatch(/cut short|not a weight file/);
  });

  test.each([
    ['a header too large', Buffer.from('ffffffffffffff7f00', 'hex'), /not a weight file/],
    ['a header that is not JSON', safetensors('{"a": ', 0), /header is not JSON/],
    ['a header that is a list', safetensors('[]', 0), /not a JSON object/],
    ['metadata that is no text', safetensors({ __metadata__: { a: 1 } }, 0), /metadata/],
    ['an unknown dtype', safetensors({ w: { dtype: 'I64', shape: [1], data_offsets: [0, 8] } }, 8), /tensor w: .* I64/],
    [
      'a shape that does not fit',
      safetensors({ w: { dtype: 'F32', shape: [2], data_offsets: [0, 4] } }, 4),
      /tensor w: shape \[2\]/,
    ],
    ['a negative shape', safetensors({ w: { dtype: 'F32', shape: [-1], data_offsets: [0, 4] } }, 4), /tensor w/],
    [
      'a gap',
      safetensors({ w: { dtype: 'F32', shape: [1], data_offsets: [4, 8] } }, 8),
      /tensor w: it starts at byte 4/,
    ],
    [
      'an overlap',
      safetensors(
        {
          a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
          b: { dtype: 'F32', shape: [1], data_offsets: [4, 8] },
        },
        8,
      ),
      /tensor b: it starts at byte 4/,
    ],
    ['bytes left over', safetensors({ w: { dtype: 'F32', shape: [1], data_offsets: [0, 4] } }, 5), /1 bytes follow/],
  ])('refuses %s', async (_, bytes, message) => expect(await refusal(bytes)).toMatch(message));
});

describe('npz', () => {
  test('reads what numpy wrote', async () => {
    const { params, metadata } = await readWeights(golden('weights.npz'));
    expect(params).toEqual({
      ...expectedParams,
      double: { shape: [3, 4], values: ramp.subarray(0, 12) },
      fortran: expectedParams.filter,
    });
    expect(metadata).toEqual({});
  });

  test('refuses a file cut short anywhere', async () => {
    const whole = await readFile(golden('weights.npz'));
    for (const length of [2, 200, whole.length - 30])
      expect(await refusal(whole.subarray(0, length))).toMatch(/cut short/);
  });

  test('refuses a zip of something else', async () => {
    const { zipSync } = await import('fflate');
    expect(await refusal(zipSync({ 'a.txt': Buffer.from('hello') }))).toMatch(/no .npy array/);
    expect(await refusal(zipSync({ 'a.npy': Buffer.from('hello') }))).toMatch(/array a is not in numpy's npy format/);
    const npy = (header: string, dataBytes: number) => {
      const length = Buffer.alloc(2);
      length.writeUInt16LE(header.length);
      return Buffer.concat([
        Buffer.from('\x93NUMPY\x01\x00', 'latin1'),
        length,
        Buffer.from(header),
        Buffer.alloc(dataBytes),
      ]);
    };
    const header = (descr: string) => `{'descr': '${descr}', 'fortran_order': False, 'shape': (2,), }`;
    expect(await refusal(zipSync({ 'a.npy': npy(header('<c8'), 16) }))).toMatch(/array a: expected .* but it is <c8/);
    expect(await refusal(zipSync({ 'a.npy': npy(header('<f4'), 7) }))).toMatch(/array a: shape \[2\] .* 8 bytes but 7/);
    expect(await refusal(zipSync({ 'a.npy': npy('{}', 8) }))).toMatch(/array a has a broken npy header/);
  });
});

describe('parameters', () => {
  const init = { kind: 'constant', value: 0 } as const;
  const network = {
    name: 'tiny',
    params: [
      { name: 'b', shape: [2], init },
      { name: 'a', shape: [1, 2], init },
    ],
  };
  const b = { shape: [2], values: Float32Array.of(1, 2) };
  const a = { shape: [1, 2], values: Float32Array.of(3, 4) };

  test('come in the order of the network', () => {
    expect(Object.keys(checkParams(network, { a, b }, 'f'))).toEqual(['b', 'a']);
    expect(Object.keys(checkParams(network, { a, b, c: a }, 'f', 'ignore'))).toEqual(['b', 'a']);
  });

  test.each([
    ['missing', { a }, 'f does not fit the network tiny: it holds no b.'],
    ['left over', { a, b, c: a }, 'f does not fit the network tiny: it holds c, which the network has not.'],
    ['of another shape', { a: b, b }, 'f does not fit the network tiny: a has shape [2], expected [1, 2].'],
  ])('are refused when one is %s', (_, params, message) => {
    expect(() => checkParams(network, params, 'f')).toThrow(new UserError(message));
  });

  test.each(['native', 'cpu'] as const)('go to the %s engine and back', async (engine) => {
    await useEngine(engine);
    const tensors = uploadParams({ a, b });
    expect(await downloadParams(tensors)).toEqual({ a, b });
    tf.dispose(tensors);
  });
});
