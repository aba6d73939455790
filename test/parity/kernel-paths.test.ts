import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { expectClose, expectParity, randomTensor, resultsOn } from '../helpers/parity.js';

// Shapes that kernels treat apart, a GPU's above all: elements in packs, sums in pieces, rows that are
// moved whole, more tensors than a launch takes. What kernels compute is tested in the other files.

test('elements in packs, with operands that are repeated', async () => {
  const shapes: [number[], number[]][] = [
    [[64], [64]],
    [[6, 4, 8], [8]],
    [
      [6, 4, 8],
      [4, 1],
    ],
    [
      [6, 1, 8],
      [4, 1],
    ],
    [
      [1, 4, 8],
      [6, 1, 8],
    ],
    [
      [3, 5, 1, 4],
      [5, 2, 4],
    ],
    [[5, 16], [1]],
    [[1], [16, 5]],
  ];
  for (const [a, b] of shapes) {
    const what = `[${a.join()}] and [${b.join()}]`;
    await expectParity(() => tf.sub(randomTensor(a), randomTensor(b, 2)), {}, what);
    await expectParity(() => tf.less(randomTensor(a), randomTensor(b, 2)), {}, what);
    const bools = { dtype: 'bool' as const };
    await expectParity(() => tf.logicalXor(randomTensor(a, 1, bools), randomTensor(b, 2, bools)), {}, what);
  }
});

test('squares and other powers', async () => {
  const x = () => randomTensor([8, 4], 1, { low: 0.1, high: 3 });
  await expectParity(() => tf.pow(x(), 2), {});
  await expectParity(() => tf.pow(x(), tf.tensor1d([2, 0.5, -2, 3])), { relative: 1e-6 });
});

test('few results of many elements', async () => {
  const bounds = { relative: 1e-6, absolute: 1e-6 };
  for (const shape of [[40_000], [3, 20_000], [3000, 33], [5000, 3], [2, 4000, 5], [40, 30, 40]]) {
    for (let axis = 0; axis < shape.length; axis++) {
      const what = `[${shape.join()}] over ${axis}`;
      // tfjs adds in float32, element by element.
      await expectParity(() => tf.mean(randomTensor(shape), axis), { absolute: 1e-5 }, `mean ${what}`);
      await expectParity(() => tf.max(randomTensor(shape), axis), {}, `max ${what}`);
      const ints = { low: 0, high: 100, dtype: 'int32' as const };
      await expectParity(() => tf.sum(randomTensor(shape, 1, ints), axis), {}, `sum ${what}`);
      await expectParity(() => tf.all(randomTensor(shape, 1, { dtype: 'bool' }), axis), {}, `all ${what}`);
      await expectParity(() => tf.argMin(randomTensor(shape), axis), {}, `argMin ${what}`);
      const nearOne = { low: 0.999, high: 1.001 };
      await expectParity(() => tf.prod(randomTensor(shape, 1, nearOne), axis), bounds, `prod ${what}`);
    }
  }
  await expectParity(() => tf.softmax(randomTensor([3, 3000])), { relative: 1e-6 });
});

test('of equal elements the first, wherever it is', async () => {
  const x = () => tf.floor(randomTensor([3, 700], 1, { low: 0, high: 3 }));
  await expectParity(() => tf.argMax(x(), 1), {});
  await expectParity(() => tf.argMin(tf.transpose(x()), 0), {});
  await expectParity(() => tf.argMax(tf.tensor1d([1, NaN, 3, 2, 3]), 0), {});
  await expectParity(() => tf.argMax(tf.tensor1d([NaN, 1, 3]), 0), {});
});

test('rows that are moved whole', async () => {
  const x = () => randomTensor<tf.Rank.R4>([2, 6, 8, 8]);
  await expectParity(() => tf.slice(x(), [0, 1, 2, 4], [2, 4, 5, 4]), {});
  await expectParity(() => tf.slice(x(), [1, 0, 0, 0], [1, 6, 8, 8]), {});
  await expectParity(() => tf.slice(x(), [0, 0, 0, 1], [2, 6, 8, 5]), {});
  const pads: [number, number][] = [
    [0, 0],
    [1, 2],
    [2, 1],
    [0, 0],
  ];
  await expectParity(() => tf.pad(x(), pads, 0.5), {});
  await expectParity(() => tf.mirrorPad(x(), pads, 'symmetric'), {});
  await expectParity(() => tf.tile(x(), [1, 2, 1, 2]), {});
  await expectParity(() => tf.reverse(x(), [1]), {});
  await expectParity(() => tf.reverse(x(), [3]), {});
  await expectParity(() => tf.stridedSlice(x(), [0, 5, 0, 0], [2, 0, 8, 8], [1, -2, 1, 1]), {});
  const bools = () => randomTensor<tf.Rank.R3>([4, 3, 32], 1, { dtype: 'bool' });
  await expectParity(() => tf.slice(bools(), [0, 1, 16], [4, 2, 16]), {});
  await expectParity(() => tf.pad(bools(), [[1, 1], [0, 0], [16, 0]], 1), {}); // prettier-ignore
});

test('axes that change places, wide and narrow', async () => {
  for (const [shape, perm] of [
    [
      [70, 45],
      [1, 0],
    ],
    [
      [3, 40, 50],
      [2, 0, 1],
    ],
    [
      [2, 33, 10, 16],
      [0, 3, 1, 2],
    ],
    [
      [9, 4, 12, 11],
      [3, 1, 2, 0],
    ],
    [
      [5, 6, 3],
      [0, 2, 1],
    ],
    [
      [4, 6, 8],
      [1, 0, 2],
    ],
  ] as [number[], number[]][]) {
    await expectParity(() => tf.transpose(randomTensor(shape), perm), {}, `[${shape.join()}] by ${perm.join()}`);
    const bools = { dtype: 'bool' as const };
    await expectParity(() => tf.transpose(randomTensor(shape, 1, bools), perm), {}, `[${shape.join()}] of bool`);
  }
});

test('more tensors than are joined or added at once', async () => {
  for (const width of [3, 4])
    for (const axis of [0, 1, 2]) {
      const parts = () => Array.from({ length: 37 }, (_, i) => randomTensor([2, 3, width], i + 1));
      await expectParity(() => tf.concat(parts(), axis), {}, `${width} wide, axis ${axis}`);
      if (axis === 0) await expectParity(() => tf.addN(parts()), {}, 'addN');
    }
  await expectParity(
    () =>
      tf.concat(
        [1, 16, 5].map((width) => randomTensor([4, width], width, { dtype: 'bool' })),
        1,
      ),
    {},
  );
});

test('choices of elements and of rows', async () => {
  for (const shape of [[8, 16], [5, 3], [7]]) {
    const pair = () => [randomTensor(shape), randomTensor(shape, 2)] as const;
    await expectParity(() => tf.where(randomTensor(shape, 3, { dtype: 'bool' }), ...pair()), {});
    // tfjs's own kernel for rows takes elements of the wrong rows.
    const rows = () => randomTensor([shape[0]!], 3, { dtype: 'bool' });
    const chosen = await resultsOn('native', () => {
      const [t, e] = pair();
      return tf.engine().runKernel('Select', { condition: rows(), t, e });
    });
    const wide = shape.map((_, axis) => (axis === 0 ? shape[0]! : 1));
    expectClose(chosen, await resultsOn('cpu', () => tf.where(tf.reshape(rows(), wide), ...pair())), {});
  }
});

test('many indices', async () => {
  const index = (shape: number[], high: number) => randomTensor(shape, 5, { low: 0, high, dtype: 'int32' });
  for (const width of [8, 3]) {
    await expectParity(() => tf.gather(randomTensor([50, width]), index([300], 50)), {});
    await expectParity(() => tf.gatherND(randomTensor([9, 7, width]), index([40, 2], 7)), {});
    await expectParity(() => tf.unsortedSegmentSum(randomTensor([600, width]), index([600], 20) as tf.Tensor1D, 17), {
      absolute: 1e-5,
    });
    await expectParity(() => tf.scatterND(index([600, 2], 7), randomTensor([600, width]), [7, 9, width]), {
      absolute: 1e-5,
    });
  }
});

test('running sums of lines longer than a block', async () => {
  const ints = { low: -9, high: 9, dtype: 'int32' as const };
  for (const shape of [[1000], [3, 700], [700, 3], [2, 300, 40]])
    for (let axis = 0; axis < shape.length; axis++)
      for (const [exclusive, reverse] of [
        [false, false],
        [true, true],
      ] as const)
        await expectParity(() => tf.cumsum(randomTensor(shape, 1, ints), axis, exclusive, reverse), {});
});

test('windows that overlap, and that leave gaps', async () => {
  for (const [size, stride] of [
    [3, 1],
    [3, 2],
    [2, 3],
  ] as const) {
    // Equal elements: the first takes the gradient.
    const x = () => tf.round(randomTensor<tf.Rank.R4>([2, 9, 10, 4], 1, { low: -3, high: 3 }));
    await expectParity(() => tf.grad((x) => tf.square(tf.maxPool(x as tf.Tensor4D, size, stride, 'same')))(x()), {
      relative: 1e-6,
    });
    await expectParity(() => tf.maxPool(x(), size, stride, 'valid'), {});
  }
});

test('images that are resized by much', async () => {
  for (const [from, to] of [
    [
      [3, 4],
      [17, 30],
    ],
    [
      [17, 30],
      [3, 4],
    ],
    [
      [5, 6],
      [5, 1],
    ],
    [
      [4, 4],
      [23, 23],
    ],
    [
      [23, 23],
      [9, 9],
    ],
  ] as const) {
    const x = (batch = 2) => randomTensor<tf.Rank.R4>([batch, ...from, 3]);
    for (const [alignCorners, halfPixel] of [
      [false, false],
      [true, false],
      [false, true],
    ] as const) {
      const options = [[...to] as [number, number], alignCorners, halfPixel] as const;
      await expectParity(() => tf.image.resizeBilinear(x(), ...options), { absolute: 2e-6 });
      await expectParity(() => tf.image.resizeNearestNeighbor(x(), ...options), {});
      if (halfPixel || from[0] !== from[1]) continue; // see image.test.ts for what tfjs's gradients lack
      for (const resize of [tf.image.resizeBilinear, tf.image.resizeNearestNeighbor])
        await expectParity(() => tf.grad((x) => tf.square(resize(x as tf.Tensor4D, ...options)))(x(1)), {
          absolute: 1e-5,
          relative: 1e-5,
        });
    }
  }
});

test('values that fill memory byte by byte, and others', async () => {
  for (const value of [0, -1, 1.5]) {
    const [floats, ints] = await resultsOn('native', () => [
      tf.fill([3, 4], value),
      tf.fill([5], Math.trunc(value), 'int32'),
    ]);
    expect(Array.from(floats!.values)).toEqual(Array<number>(12).fill(value));
    expect(Array.from(ints!.values)).toEqual(Array<number>(5).fill(Math.trunc(value)));
  }
});
