import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { expectParity, onCpu, randomTensor } from '../helpers/parity.js';

// Nothing is computed here: every result must be exact.
const exact = {};
const dtypes = ['float32', 'int32', 'bool'] as const;
type Any = tf.Tensor4D;

function permutations(n: number): number[][] {
  if (n === 0) return [[]];
  return permutations(n - 1).flatMap((p) => Array.from({ length: n }, (_, at) => p.toSpliced(at, 0, n - 1)));
}

/** Of each axis, how much comes before and after: pairs(1, 2, 0, 0) is [[1, 2], [0, 0]]. */
const pairs = (...sides: number[]): [number, number][] =>
  Array.from({ length: sides.length / 2 }, (_, axis) => [sides[2 * axis]!, sides[2 * axis + 1]!]);

describe.each(dtypes)('%s', (dtype) => {
  const random = (shape: number[], seed = 1): Any => randomTensor(shape, seed, { low: -99, high: 99, dtype });

  test('transpose by every permutation', async () => {
    for (const perm of permutations(4))
      await expectParity(() => tf.transpose(random([3, 1, 35, 66]), perm), exact, String(perm));
    for (const perm of permutations(3))
      await expectParity(() => tf.transpose(random([70, 33, 41]), perm), exact, String(perm));
    await expectParity(() => tf.transpose(random([2, 3, 2, 2, 3, 2]), [5, 2, 4, 0, 1, 3]), exact);
    await expectParity(() => tf.transpose(random([300, 200])), exact);
  });

  test('slice', async () => {
    for (const [begin, size] of [
      [
        [0, 0, 0],
        [5, 6, 7],
      ],
      [
        [2, 0, 0],
        [3, 6, 7],
      ],
      [
        [1, 2, 3],
        [2, 3, 4],
      ],
      [
        [0, 5, 6],
        [5, 1, 1],
      ],
      [[4], [1]],
      [
        [1, 1, 1],
        [0, 2, 2],
      ],
    ] as [number[], number[]][])
      await expectParity(() => tf.slice(random([5, 6, 7]), begin, size), exact, `${begin.join()} ${size.join()}`);
    await expectParity(() => tf.slice(random([3, 90, 200]), [0, 3, 5], [3, 80, 190]), exact);
  });

  test('stridedSlice', async () => {
    await expectParity(() => tf.stridedSlice(random([7, 8]), [1, 7], [7, 0], [2, -3]), exact);
    await expectParity(() => tf.stridedSlice(random([7, 8]), [6], [0], [-1]), exact);
    await expectParity(() => tf.stridedSlice(random([7, 8, 3]), [1, 1], [5, 2], [1, 1], 0, 0, 0, 0, 2), exact);
  });

  test('pad', async () => {
    await expectParity(() => tf.pad(random([3, 4, 5]), pairs(1, 2, 0, 0, 2, 1), dtype === 'bool' ? 1 : 3), exact);
    await expectParity(() => tf.pad(random([2, 40, 40, 8]), pairs(0, 0, 1, 2, 3, 1, 0, 0)), exact);
    await expectParity(() => tf.pad(random([2, 3]), pairs(0, 0, 0, 0)), exact);
  });

  test('mirrorPad', async () => {
    for (const mode of ['reflect', 'symmetric'] as const) {
      await expectParity(() => tf.mirrorPad(random([3, 4, 5]), pairs(1, 2, 0, 0, 2, 1), mode), exact, mode);
      await expectParity(() => tf.mirrorPad(random([2, 48, 48, 3]), pairs(0, 0, 3, 3, 3, 3, 0, 0), mode), exact, mode);
    }
  });

  test('tile, reverse, concat, stack, split, unstack', async () => {
    await expectParity(() => tf.tile(random([3, 4, 5]), [2, 1, 3]), exact);
    await expectParity(() => tf.tile(random([1, 1, 64]), [30, 40, 1]), exact);
    await expectParity(() => tf.broadcastTo(random([5, 1, 3]), [4, 5, 6, 3]), exact);
    for (const axes of [[0], [1], [2], [0, 2], [0, 1, 2]])
      await expectParity(() => tf.reverse(random([3, 4, 5]), axes), exact, String(axes));
    for (let axis = 0; axis < 3; axis++) {
      const parts = [1, 4, 2, 0].map((n) => [3, 4, 5].with(axis, n));
      await expectParity(
        () =>
          tf.concat(
            parts.map((shape, i) => random(shape, i + 1)),
            axis,
          ),
        exact,
        `${axis}`,
      );
      await expectParity(
        () =>
          tf.stack(
            [1, 2, 3].map((seed) => random([3, 4], seed)),
            axis,
          ),
        exact,
        `${axis}`,
      );
      await expectParity(() => tf.unstack(random([3, 4, 5]), axis), exact, `${axis}`);
      await expectParity(() => tf.split(random([4, 4, 4]), [1, 3], axis), exact, `${axis}`);
    }
    await expectParity(
      () =>
        tf.concat(
          [1, 2].map((seed) => random([300, 200, 3], seed)),
          2,
        ),
      exact,
    );
    await expectParity(
      () =>
        tf.concat(
          [1, 2].map((seed) => random([70_000], seed)),
          0,
        ),
      exact,
    );
  });

  test('space and depth, space and batch', async () => {
    if (dtype === 'float32') await expectParity(() => tf.depthToSpace(random([2, 3, 4, 12]), 2), exact);
    await expectParity(() => tf.spaceToBatchND(random([2, 5, 7, 3]), [2, 3], pairs(0, 1, 1, 1)), exact);
    await expectParity(() => tf.batchToSpaceND(random([12, 3, 3, 2]), [2, 3], pairs(0, 1, 1, 1)), exact);
  });

  test('gather', async () => {
    const indices = (): tf.Tensor =>
      tf.tensor2d(
        [
          [0, 2, 2],
          [4, 1, 0],
        ],
        [2, 3],
        'int32',
      );
    for (let axis = 0; axis < 3; axis++) await expectParity(() => tf.gather(random([5, 6, 7]), indices(), axis), exact);
    await expectParity(() => tf.gather(random([2, 6, 7]), indices(), 1, 1), exact);
    for (const shape of [
      [5, 6, 7],
      [5, 6],
    ])
      await expectParity(() => tf.gatherND(random(shape), tf.tensor2d([0, 2, 4, 1], [2, 2], 'int32')), exact);
  });

  test('select, fill, cast, oneHot', async () => {
    const bool = { dtype: 'bool' as const };
    await expectParity(
      () => tf.where(randomTensor([40, 30], 3, bool), random([40, 30], 1), random([40, 30], 2)),
      exact,
    );
    await expectParity(() => tf.where(randomTensor([40, 1], 3, bool), random([40, 30], 1), random([30], 2)), exact);
    for (const to of dtypes) await expectParity(() => tf.cast(random([5000]), to), exact, to);
    await expectParity(() => tf.zerosLike(random([5, 3])), exact);
    await expectParity(() => tf.onesLike(random([5, 3])), exact);
    await expectParity(() => tf.fill([3, 2], 1, dtype), exact);
    await expectParity(
      () => tf.oneHot(randomTensor([50], 1, { low: -2, high: 9, dtype: 'int32' }), 7, 1, 0, dtype),
      exact,
    );
  });
});

test('float32 to int32 as JavaScript does it', async () => {
  const values = [1.7, -1.7, NaN, Infinity, -Infinity, 3e9, -5e9, 1e20, 2147483648, -2147483649];
  await expectParity(() => tf.cast(tf.tensor1d(values), 'int32'), exact);
  await expectParity(() => tf.cast(tf.tensor1d(values), 'bool'), exact);
});

test('range and linspace', async () => {
  for (const [start, stop, step] of [
    [0, 9, 1],
    [5, -5, -2],
    [5, 0],
    [0, 1, 0.1],
    [3, 3, 1],
    [0, 5, -1],
  ] as [number, number, number?][]) {
    // tfjs adds the step up in float32; ours multiplies in double.
    await expectParity(() => tf.range(start, stop, step), { absolute: 1e-6 });
    await expectParity(() => tf.range(start, stop, step === undefined || step === 0.1 ? 1 : step, 'int32'), exact);
  }
  await expectParity(() => tf.linspace(-3, 4, 50), { absolute: 3e-6 });
});

test('scatter sums duplicates in order', async () => {
  const indices = (): tf.Tensor => tf.tensor2d([[0], [2], [2], [4]], [4, 1], 'int32');
  await expectParity(() => tf.scatterND(indices(), randomTensor([4, 300]), [5, 300]), exact);
  await expectParity(() => tf.unsortedSegmentSum(randomTensor([6, 30]), tf.tensor1d([0, 2, 1, 2, 0, 2], 'int32'), 4), {
    absolute: 3e-7,
  });
  await expectParity(
    () => tf.grad((x) => tf.sum(tf.square(tf.gather(x, tf.tensor1d([0, 2, 2], 'int32'), 1))))(randomTensor([5, 6, 7])),
    { absolute: 1e-6 },
  );
});

test('gradients of moved elements', async () => {
  const f: ((x: tf.Tensor) => tf.Tensor)[] = [
    (x) => tf.transpose(x, [2, 0, 1]),
    (x) => tf.slice(x, [1, 0, 1], [2, 4, 3]),
    (x) =>
      tf.pad(x as tf.Tensor3D, [
        [1, 1],
        [0, 2],
        [1, 0],
      ]),
    (x) => tf.tile(x, [2, 1, 3]),
    (x) => tf.reverse(x, [1]),
    (x) => tf.concat([x, tf.square(x)], 1),
    (x) => tf.stack([x, tf.square(x)], 1),
    (x) => tf.reshape(x, [12, 5]),
    (x) => tf.concat(tf.split(x, [1, 3], 1).reverse(), 1),
    (x) => tf.cumsum(x, 2),
  ];
  for (const g of f)
    await expectParity(() => tf.grad((x) => tf.sum(tf.square(g(x))))(randomTensor([3, 4, 5])), {
      relative: 1e-6,
      absolute: 1e-6,
    });
});

test('an index out of range is refused', async () => {
  const { useEngine } = await import('../../ts/backend/engine.js');
  await useEngine('native');
  const x = tf.zeros([3, 2]);
  // A GPU tells when its results are waited for.
  const elsewhere = /index outside of its tensor/;
  expect(() => tf.gather(x, tf.tensor1d([3], 'int32')).dataSync()).toThrow(
    onCpu ? /index value 3 is not in \[0, 2\]/ : elsewhere,
  );
  expect(() => tf.gatherND(x, tf.tensor2d([[7, 0]], [1, 2], 'int32')).dataSync()).toThrow(
    onCpu ? /does not index/ : elsewhere,
  );
  expect(() => tf.scatterND(tf.tensor2d([[4]], [1, 1], 'int32'), tf.ones([1, 2]), [3, 2]).dataSync()).toThrow(
    onCpu ? /does not index/ : elsewhere,
  );
  expect(Array.from(tf.gather(x, tf.tensor1d([2], 'int32')).dataSync())).toEqual([0, 0]); // and goes on
  expect(() =>
    tf.mirrorPad(
      tf.zeros([2, 2]),
      [
        [3, 0],
        [0, 0],
      ],
      'reflect',
    ),
  ).toThrow();
});
