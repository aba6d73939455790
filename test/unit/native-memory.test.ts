import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { loadBinding } from '../../ts/backend/binding.js';
import { useEngine } from '../../ts/backend/engine.js';
import { hostTensors } from '../../ts/backend/host-kernel.js';
import type { NativeBackend } from '../../ts/backend/native-backend.js';

const backend = (): NativeBackend => tf.backend() as NativeBackend;

/** What is alive: tfjs's tensors, this backend's data, native buffers and bytes, host copies. */
function alive(): Record<string, number> {
  const { bytes, buffers } = backend().memory();
  return { tensors: tf.memory().numTensors, data: backend().numDataIds(), buffers, bytes, host: hostTensors() };
}

let before: Record<string, number>;
beforeAll(async () => {
  await useEngine('native');
  // The engine then checks every kernel for leaked data.
  tf.env().set('IS_TEST', true);
});
beforeEach(() => {
  before = alive();
});

describe('bytes are counted exactly', () => {
  test('of each dtype', () => {
    const made = [
      tf.zeros([3, 5]),
      tf.tensor1d([1, 2, 3], 'int32'),
      tf.tensor1d([true, false, true], 'bool'),
      tf.zeros([0, 4]),
      tf.scalar(1),
    ];
    expect(alive()).toMatchObject({
      buffers: before['buffers']! + 5,
      bytes: before['bytes']! + 60 + 12 + 3 + 0 + 4,
    });
    tf.dispose(made);
    expect(alive()).toEqual(before);
  });

  test('of complex64 and string tensors', () => {
    const complex = tf.complex([1, 2], [3, 4]);
    const words = tf.tensor1d(['a', 'bc']);
    expect(alive()).toMatchObject({ buffers: before['buffers']! + 2, bytes: before['bytes']! + 16 });
    const parts = [tf.real(complex), tf.imag(complex)];
    // The parts are shared, not copied.
    expect(alive()).toMatchObject({ bytes: before['bytes']! + 16 });
    complex.dispose();
    expect(Array.from(parts[1]!.dataSync())).toEqual([3, 4]);
    tf.dispose([...parts, words]);
    expect(alive()).toEqual(before);
  });
});

describe('shared data', () => {
  const values = [1, 2, 3, 4, 5, 6];
  const views: [string, (x: tf.Tensor) => tf.Tensor][] = [
    ['clone', (x) => tf.clone(x)],
    ['reshape', (x) => tf.reshape(x, [3, 2])],
    ['expandDims', (x) => tf.expandDims(x, 1)],
    ['a cast to the same dtype', (x) => tf.cast(x, 'float32')],
  ];

  test.each(views)('%s takes no memory and outlives its source', (_, view) => {
    const x = tf.tensor1d(values);
    const y = view(x);
    expect(alive()['bytes']).toBe(before['bytes']! + 24);
    expect(backend().refCount(x.dataId)).toBe(2);
    x.dispose();
    expect(Array.from(y.dataSync())).toEqual(values);
    expect(alive()['bytes']).toBe(before['bytes']! + 24);
    y.dispose();
    expect(alive()).toEqual(before);
  });

  test.each(views)('%s may go before its source', (_, view) => {
    const x = tf.tensor1d(values);
    view(x).dispose();
    expect(backend().refCount(x.dataId)).toBe(1);
    expect(Array.from(x.dataSync())).toEqual(values);
    x.dispose();
    expect(alive()).toEqual(before);
  });

  test('a chain of views in any order of disposal', () => {
    for (const order of [
      [0, 1, 2, 3],
      [3, 2, 1, 0],
      [1, 3, 0, 2],
    ]) {
      const a = tf.tensor1d(values);
      const b = tf.reshape(a, [2, 3]);
      const chain = [a, b, tf.clone(b), tf.expandDims(b)];
      order.forEach((i, n) => {
        expect(Array.from(chain[i]!.dataSync())).toEqual(values);
        chain[i]!.dispose();
        expect(alive()['bytes']).toBe(before['bytes']! + (n === 3 ? 0 : 24));
      });
    }
    expect(alive()).toEqual(before);
  });

  test('a variable that is assigned frees its old value', () => {
    const variable = tf.tidy(() => tf.variable(tf.zeros([100])));
    expect(alive()['bytes']).toBe(before['bytes']! + 400);
    tf.tidy(() => {
      variable.assign(tf.ones([100]));
    });
    expect(Array.from(variable.dataSync().slice(0, 2))).toEqual([1, 1]);
    expect(alive()['bytes']).toBe(before['bytes']! + 400);
    variable.dispose();
    expect(alive()).toEqual(before);
  });
});

describe('a kernel that throws leaves nothing', () => {
  test('in its native part', () => {
    const x = tf.zeros([3, 2]);
    const index = tf.tensor1d([5], 'int32');
    const held = alive();
    expect(() => tf.gather(x, index)).toThrow(/Native kernel GatherV2.*index value 5 is not in \[0, 2\]/);
    expect(alive()).toEqual(held);
    tf.dispose([x, index]);
    expect(alive()).toEqual(before);
  });

  test('after it has made outputs and temporaries', () => {
    const native = backend();
    const x = tf.tensor1d([1, 2, 3]);
    const held = alive();
    expect(() =>
      native.guard(() => {
        native.makeOutput([1000], 'float32');
        native.alias(x, [3, 1]);
        native.release(native.makeOutput([10], 'int32'));
        native.makeComplex(native.makeOutput([4], 'float32'), native.makeOutput([4], 'float32'));
        throw new Error('no');
      }),
    ).toThrow('no');
    expect(alive()).toEqual(held);
    expect(native.refCount(x.dataId)).toBe(1);
    x.dispose();
    expect(alive()).toEqual(before);
  });

  test('nested', () => {
    const native = backend();
    expect(() =>
      native.guard(() => {
        native.guard(() => native.makeOutput([7], 'float32'));
        throw new Error('outer');
      }),
    ).toThrow('outer');
    const kept = native.guard(() => {
      expect(() =>
        native.guard(() => {
          native.makeOutput([7], 'float32');
          throw new Error('inner');
        }),
      ).toThrow('inner');
      return native.makeOutput([2], 'float32');
    });
    expect(alive()['bytes']).toBe(before['bytes']! + 8);
    native.release(kept);
    expect(alive()).toEqual(before);
  });

  test('computed on the host', () => {
    const boxes = tf.zeros([3, 4]);
    expect(() => tf.engine().runKernel('TopK', { x: boxes }, { k: 99, sorted: true })).toThrow();
    boxes.dispose();
    expect(alive()).toEqual(before);
  });
});

describe('wrong use is refused', () => {
  test('values that do not fill the shape', () => {
    expect(() => backend().write(new Float32Array(3), [2, 2], 'float32')).toThrow(/3 values do not fill .*\[2,2\]/);
    expect(alive()).toEqual(before);
  });

  test('a kernel that does not exist', () => {
    expect(() => backend().run('NoSuchKernel', [], [])).toThrow("no kernel 'NoSuchKernel'");
  });

  test('shapes that do not fit their buffers', () => {
    const x = tf.zeros([4]);
    const y = backend().makeOutput([4], 'float32');
    expect(() => backend().run('Relu', [{ dataId: x.dataId, shape: [8], dtype: 'float32' }], [y])).toThrow(
      /does not fit its buffer/,
    );
    backend().release(y);
    x.dispose();
    expect(alive()).toEqual(before);
  });

  test('shapes that are none', () => {
    tf.tidy(() => {
      const x = tf.zeros<tf.Rank.R4>([1, 2, 2, 3]);
      const refusal = /no tensors of shape \[1,-2,-2,4\]: each size must be from 0 to 2147483647/;
      expect(() => tf.conv2d(x, tf.zeros<tf.Rank.R4>([5, 5, 3, 4]), 1, 'valid')).toThrow(refusal);
      expect(() => tf.square(tf.reshape(tf.zeros([0]), [0, 2 ** 32]))).toThrow(/\[0,4294967296\]: each size/);
    });
    expect(alive()).toEqual(before);
  });

  test('calls that are not as the native side reads them', () => {
    const binding = loadBinding();
    const id = binding.allocate(4);
    const run =
      (operands: number[], attrs = 0) =>
      () =>
        binding.run(0, Int32Array.from(operands), new Float64Array(1), attrs);
    expect(run([])).toThrow(/end too early/);
    expect(run([1, 1, id, 0, 1])).toThrow(/end too early/);
    expect(run([-1, 2])).toThrow(/cannot be -1 operands/);
    expect(run([0, 1, id, 3, 0])).toThrow(/no dtype has the number 3/);
    expect(run([0, 1, id, 0, 7])).toThrow(/rank 7/);
    expect(run([0, 1, id, 0, 4, 65536, 65536, 65536, 65536])).toThrow(/does not fit its buffer/);
    expect(run([0, 0], 2)).toThrow(/no 2 attributes/);
    for (const threads of [0, -1, 257]) expect(() => binding.setThreads(threads)).toThrow(/1 to 256 threads/);
    binding.release(id);
    expect(alive()).toEqual(before);
  });
});

test('string and complex tensors go through host kernels and leave nothing there', () => {
  const results = tf.tidy(() => {
    const words = tf.tensor1d(['b', 'a', 'b']);
    const unique = tf.unique(words).values;
    const product = tf.mul<tf.Tensor>(tf.complex([1], [2]), tf.complex([3], [4]));
    return [unique, tf.real(product), tf.imag(product)];
  });
  expect(results.map((t) => Array.from(t.dataSync() as unknown as ArrayLike<unknown>))).toEqual([
    ['b', 'a'],
    [-5],
    [10],
  ]);
  tf.dispose(results);
  expect(alive()).toEqual(before);
});

test('training steps with Adam leak no tensor and no byte', () => {
  // tfjs's check takes what a custom gradient saves for a leak.
  tf.env().set('IS_TEST', false);
  const channels = 4;
  const params = tf.tidy(() => [
    tf.variable(tf.randomNormal([3, 3, 1, channels], 0, 0.1, 'float32', 1)),
    tf.variable(tf.zeros([channels])),
    tf.variable(tf.randomNormal([3, 3, channels, channels], 0, 0.1, 'float32', 2)),
    tf.variable(tf.randomNormal([4 * 4 * channels, 7], 0, 0.1, 'float32', 3)),
  ]);
  const [first, bias, second, dense] = params as [
    tf.Variable<tf.Rank.R4>,
    tf.Variable<tf.Rank.R1>,
    tf.Variable<tf.Rank.R4>,
    tf.Variable<tf.Rank.R2>,
  ];
  const optimizer = tf.train.adam(1e-2);
  const x = tf.randomUniform<tf.Rank.R4>([8, 8, 8, 1], -1, 1, 'float32', 4);
  const labels = tf.tidy(() => tf.oneHot(tf.tensor1d([0, 1, 2, 3, 4, 5, 6, 0], 'int32'), 7));
  const step = (): number => {
    const loss = optimizer.minimize(
      () =>
        tf.tidy(() => {
          const a = tf.leakyRelu(tf.add(tf.conv2d(x, first, 1, 1), bias), 0.2) as tf.Tensor4D;
          const b = tf.relu(tf.conv2d(tf.maxPool(a, 2, 2, 'valid'), second, 1, 1));
          const logits = tf.matMul(tf.reshape(b, [8, -1]), dense);
          return tf.losses.softmaxCrossEntropy<tf.Tensor, tf.Scalar>(labels, logits);
        }),
      true,
      params,
    )!;
    const value = loss.dataSync()[0]!;
    loss.dispose();
    return value;
  };
  const start = step(); // makes the moments
  const held = alive();
  let loss = start;
  for (let i = 0; i < 20; i++) {
    loss = step();
    expect(alive()).toEqual(held);
  }
  expect(loss).toBeLessThan(start / 2);
  optimizer.dispose();
  tf.dispose([x, labels, ...params]);
  expect(alive()).toEqual(before);
});
