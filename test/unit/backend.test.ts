import * as tf from '@tensorflow/tfjs-core';
import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { useEngine } from '../../ts/backend/engine.js';
import type { NativeBackend } from '../../ts/backend/native-backend.js';
import { onCpu } from '../helpers/parity.js';

beforeAll(() => useEngine('native'));

test('runs a kernel and frees what it allocated', () => {
  const before = tf.memory() as unknown as { bytes: number };
  const x = tf.tensor1d([-1, 2, -3]);
  const y = tf.relu(x);
  expect(Array.from(y.dataSync())).toEqual([0, 2, 0]);
  tf.dispose([x, y]);
  expect((tf.memory() as unknown as { bytes: number }).bytes).toBe(before.bytes);
});

test('takes bfloat16 where the processor has it, else says what is needed; a new choice of engine is float32', async () => {
  const native = tf.backend() as NativeBackend;
  expect(native.precision).toBe('float32');
  const hasFlag = readFileSync('/proc/cpuinfo', 'utf8').includes(' avx512_bf16');
  expect(native.precisions.includes('bfloat16')).toBe(!onCpu || (hasFlag && native.isa === 'avx512'));
  if (native.precisions.includes('bfloat16')) {
    await useEngine('native', 'bfloat16');
    expect(native.precision).toBe('bfloat16');
    await useEngine('native');
    expect(native.precision).toBe('float32');
  } else {
    await expect(useEngine('native', 'bfloat16')).rejects.toThrow(/AVX512_BF16.*Use precision float32/);
  }
  await expect(useEngine('cpu', 'bfloat16')).rejects.toThrow('Expected float32 with engine cpu');
  expect(tf.getBackend()).toBe('native');
});
