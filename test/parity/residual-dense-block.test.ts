import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { useEngine } from '../../ts/backend/engine.js';
import {
  residualDenseBlock,
  residualDenseBlockReference,
  type DenseBlockOptions,
} from '../../ts/ops/residual-dense-block.js';
import { expectGradients } from '../helpers/finite-differences.js';
import { expectCloseToScale } from '../helpers/gradients.js';
import { expectNoLeak } from '../helpers/leaks.js';
import { randomTensor, resultsOn } from '../helpers/parity.js';

type Block = typeof residualDenseBlock;

interface Case {
  shape: [number, number, number, number];
  growth: number;
  convs: number;
}

/** x, filters and, where wanted, biases; filters of the deviation that keeps a signal's size. */
function inputs({ shape, growth, convs }: Case, biased: boolean): Tensor[] {
  const channels = shape[3];
  const widths = Array.from({ length: convs }, (_, i) => (i === convs - 1 ? channels : growth));
  const filters = widths.map((outputs, i) => {
    const inputs = channels + i * growth;
    const bound = Math.sqrt(3 / (9 * inputs));
    return randomTensor([3, 3, inputs, outputs], 10 + i, { low: -bound, high: bound });
  });
  const biases = widths.map((outputs, i) => randomTensor([outputs], 30 + i));
  return [randomTensor(shape, 1), ...filters, ...(biased ? biases : [])];
}

const applied =
  (block: Block, convs: number, options: DenseBlockOptions) =>
  (x: Tensor, ...weights: Tensor[]): Tensor4D =>
    block(
      x as Tensor4D,
      weights.slice(0, convs) as Tensor4D[],
      weights.length > convs ? (weights.slice(convs) as Tensor1D[]) : undefined,
      options,
    );

function forwardAndBackward(block: Block, which: Case, options: DenseBlockOptions, biased: boolean): Tensor[] {
  const f = applied(block, which.convs, options);
  const xs = inputs(which, biased);
  const weights = randomTensor(which.shape, 2);
  const grads = tf.grads((...at: Tensor[]) => tf.sum<tf.Scalar>(tf.mul(f(at[0]!, ...at.slice(1)), weights)))(xs);
  return [f(xs[0]!, ...xs.slice(1)), ...grads];
}

const cases: Case[] = [
  { shape: [1, 3, 2, 1], growth: 1, convs: 1 },
  { shape: [1, 5, 4, 3], growth: 2, convs: 2 },
  { shape: [2, 7, 5, 19], growth: 6, convs: 3 },
  { shape: [1, 9, 9, 16], growth: 8, convs: 5 },
  { shape: [2, 5, 6, 17], growth: 32, convs: 3 },
];
const variants: [DenseBlockOptions, boolean][] = [
  [{ norm: 'none', alpha: 0.5 }, true],
  [{ norm: 'none', alpha: 0.2, slope: 0.1 }, false],
  [{ norm: 'instance', alpha: 0.5 }, false],
  [{ norm: 'instance', alpha: -1.5, slope: 0.01, eps: 1e-3 }, false],
];

describe.each(variants)('residualDenseBlock %j, biases: %s', (options, biased) => {
  test.each(cases)('is what tfjs ops give on %j', async (which) => {
    const expected = await resultsOn('cpu', () =>
      forwardAndBackward(residualDenseBlockReference, which, options, biased),
    );
    const actual = await resultsOn('native', () => forwardAndBackward(residualDenseBlock, which, options, biased));
    // Products of up to 9 (C + 4 growth) terms in another order, through five layers; norms of few
    // pixels magnify.
    expectCloseToScale(actual, expected, 1e-4, ['y', 'dx']);
  });
});

describe.each(['cpu', 'native'] as const)('residualDenseBlock on %s', (engine) => {
  beforeAll(() => useEngine(engine));

  test.each(variants)('has the gradients that differences give, %j, biases: %s', (options, biased) => {
    const which: Case = { shape: [2, 3, 4, 3], growth: 2, convs: 3 };
    tf.tidy(() => expectGradients(applied(residualDenseBlock, which.convs, options), inputs(which, biased)));
  });
});

describe('residualDenseBlock', () => {
  beforeAll(() => useEngine('native'));
  const which: Case = { shape: [2, 6, 5, 8], growth: 4, convs: 3 };

  test('is differentiated within other ops, by variables that it shares', () => {
    const result = (block: Block) =>
      tf.tidy(() => {
        const [x, ...filters] = inputs(which, false) as Tensor4D[];
        const variables = filters.map((filter) => tf.variable(filter));
        const options: DenseBlockOptions = { norm: 'instance', alpha: 0.5 };
        const { value, grads } = tf.variableGrads(() => {
          const once = block(tf.tanh(x!), variables, undefined, options);
          return tf.mean(tf.square(block(once, variables, undefined, options)));
        }, variables);
        const values = variables.map(({ name }) => Array.from(grads[name]!.dataSync()));
        tf.dispose(variables);
        return [Array.from(value.dataSync()), ...values];
      });
    const actual = result(residualDenseBlock);
    result(residualDenseBlockReference).forEach((expected, i) => {
      const scale = Math.max(...expected.map(Math.abs));
      expected.forEach((e, j) => expect(Math.abs(actual[i]![j]! - e)).toBeLessThan(1e-4 * scale));
    });
  });

  test('passes NaN on', () => {
    tf.tidy(() => {
      const [x, ...weights] = inputs(which, true);
      const bad = tf.where(tf.equal(tf.range(0, x!.size), 0), NaN, tf.reshape(x!, [-1]));
      const y = applied(residualDenseBlock, 3, { norm: 'none', alpha: 0.5 })(tf.reshape(bad, which.shape), ...weights);
      const isNaN = Array.from(y.dataSync(), Number.isNaN);
      expect(isNaN.slice(0, 8)).toEqual(Array<boolean>(8).fill(true));
      expect(isNaN.slice(isNaN.length / 2)).not.toContain(true); // the other sample
    });
  });

  test('does without a kernel where LeakyReLU cannot be undone, or a bias stands before a norm', async () => {
    for (const [options, biased] of [
      [{ norm: 'instance', alpha: 0.5, slope: 0 }, false],
      [{ norm: 'instance', alpha: 0.5 }, true],
    ] as [DenseBlockOptions, boolean][]) {
      const expected = await resultsOn('cpu', () =>
        forwardAndBackward(residualDenseBlockReference, which, options, biased).slice(0, 2),
      );
      const actual = await resultsOn('native', () =>
        forwardAndBackward(residualDenseBlock, which, options, biased).slice(0, 2),
      );
      expectCloseToScale(actual, expected, 1e-4);
    }
  });

  test('names what does not fit', () => {
    tf.tidy(() => {
      const [x, first, second, third] = inputs(which, false) as Tensor4D[];
      expect(() => residualDenseBlock(x!, [first!, third!, second!], undefined, { norm: 'none', alpha: 1 })).toThrow(
        /filter 1 must be \[3,3,12,4\]/,
      );
    });
  });

  test.each(variants)('frees what it made, %j', (options, biased) => {
    expectNoLeak(() => void forwardAndBackward(residualDenseBlock, which, options, biased));
  });
});
