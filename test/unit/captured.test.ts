import * as tf from '@tensorflow/tfjs-core';
import type { Tensor } from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Captured } from '../../ts/backend/capture/captured.js';
import type { StepFunction } from '../../ts/backend/capture/trace.js';
import { useEngine } from '../../ts/backend/engine.js';
import type { NativeBackend } from '../../ts/backend/native-backend.js';
import { adamCoefficients, adamUpdate } from '../../ts/ops/adam.js';
import { emulated, onCpu, randomTensor } from '../helpers/parity.js';

type Tensors = Record<string, Tensor>;

let before: number;
beforeAll(() => useEngine('native'));
beforeEach(() => {
  before = held();
});
afterEach(() => {
  expect(held()).toBe(before);
});

const held = (): number => (tf.memory() as unknown as { buffers: number }).buffers;
const numbers = (tensor: Tensor): number[] => Array.from(tensor.dataSync());

/** Runs a step recorded and called, each `runs` times from the same start, and expects the same bits. */
async function expectSame(
  step: StepFunction<Tensors, Tensors, Tensors>,
  start: () => Tensors,
  inputs: (run: number) => Tensors,
  runs = 3,
): Promise<void> {
  const captured = new Captured(tf.backend() as NativeBackend, step);
  const state = start();
  let called = start();
  for (let run = 0; run < runs; run++) {
    const given = inputs(run);
    const outputs = await captured.run(state, given);
    const result = tf.tidy(() => step(called, given) as unknown as tf.TensorContainerObject) as unknown as ReturnType<
      typeof step
    >;
    for (const name of Object.keys(result.outputs))
      expect(numbers(outputs[name]!), name).toEqual(numbers(result.outputs[name]!));
    for (const name of Object.keys(called)) expect(numbers(state[name]!), name).toEqual(numbers(result.state[name]!));
    tf.dispose([called, given, outputs, result.outputs]);
    called = result.state;
  }
  tf.dispose([state, called]);
  captured.dispose();
}

describe('a captured step gives what the function gives', () => {
  const x = (run: number): Tensors => ({ x: randomTensor([3, 4], run) });
  const none = (): Tensors => ({});

  test('with constants, broadcasts and results used twice', () =>
    expectSame(
      (state, { x }) => {
        const y = tf.add(tf.mul(x!, tf.tensor1d([1, 2, 3, 4])), 0.5);
        return { state, outputs: { y, sum: tf.sum(y), both: tf.add(y, tf.relu(y)) } };
      },
      none,
      x,
    ));

  test('whose new state needs the old one until later', () =>
    expectSame(
      ({ w, u }, { x }) => {
        const next = tf.add(w!, x!);
        return { state: { w: next, u: tf.mul(u!, w!) }, outputs: { change: tf.sub(next, w!) } };
      },
      () => ({ w: randomTensor([3, 4], 10), u: randomTensor([3, 4], 11) }),
      x,
    ));

  test('whose state stays, or comes back as an output', () =>
    expectSame(
      ({ w, u }, { x }) => {
        const next = tf.add(u!, x!);
        return { state: { w: w!.clone(), u: next }, outputs: { next: next.clone(), w: w!.clone(), x: x!.clone() } };
      },
      () => ({ w: randomTensor([5], 10), u: randomTensor([3, 4], 11) }),
      x,
    ));

  test('that is given one tensor twice, and later two', async () => {
    const step: StepFunction<Tensors, Tensors, Tensors> = (state, { a, b }) => ({
      state,
      outputs: { d: tf.sub(a!, b!) },
    });
    const captured = new Captured(tf.backend() as NativeBackend, step);
    const a = tf.tensor1d([1, 2]);
    const b = tf.tensor1d([5, 5]);
    const copy = a.clone();
    const same = await captured.run({}, { a, b: copy });
    const apart = await captured.run({}, { a, b });
    expect([numbers(same['d']!), numbers(apart['d']!)]).toEqual([
      [0, 0],
      [-4, -3],
    ]);
    tf.dispose([a, b, copy, same, apart]);
    captured.dispose();
  });

  test('of every dtype, and of no elements', () =>
    expectSame(
      (state, { x }) => ({
        state,
        outputs: {
          mask: tf.greater(x!, 0),
          whole: tf.cast(tf.mul(x!, 10), 'int32'),
          empty: tf.slice(x!, [0, 0], [0, 4]),
          chosen: tf.gather(x!, tf.tensor1d([2, 0], 'int32')),
        },
      }),
      none,
      x,
    ));

  test('with tensors from outside, which it keeps', async () => {
    const outside = tf.tensor1d([1, 2, 3]);
    const captured = new Captured<Tensors, Tensors, Tensors>(tf.backend() as NativeBackend, (state, { x }) => ({
      state,
      outputs: { y: tf.mul(x!, outside) },
    }));
    const x = tf.scalar(2);
    tf.dispose(await captured.run({}, { x }));
    outside.dispose();
    const { y } = await captured.run({}, { x });
    expect(numbers(y!)).toEqual([2, 4, 6]);
    tf.dispose([x, y!]);
    captured.dispose();
  });

  test('for each signature', () =>
    expectSame(
      (state, inputs) => ({
        state,
        outputs: { y: inputs['bias'] ? tf.add(inputs['x']!, inputs['bias']) : inputs['x']! },
      }),
      none,
      (run) => ({
        x: randomTensor([run % 2 ? 7 : 2], run),
        ...(run > 1 ? { bias: tf.scalar(run) } : {}),
      }),
      6,
    ));

  test('and its gradients', () =>
    expectSame(
      ({ w }, { x }) => {
        const loss = (weights: Tensor) =>
          tf.mean(tf.square(tf.conv2d(x as tf.Tensor4D, weights as tf.Tensor4D, 1, 'same')));
        const { value, grad } = tf.valueAndGrad(loss)(w!);
        return { state: { w: tf.sub(w!, tf.mul(grad, 0.1)) }, outputs: { value } };
      },
      () => ({ w: randomTensor([3, 3, 2, 4], 5) }),
      (run) => ({ x: randomTensor([2, 5, 7, 2], run) }),
      5,
    ));

  test('of many elementwise functions, which a device may compute at once', () =>
    expectSame(
      (state, { x, y }) => {
        const z = tf.mul(tf.sub(1, tf.square(tf.tanh(x!))), y!);
        const gate = tf.mul(tf.div(y!, 12), tf.step(x!, 0.2));
        const far = tf.minimum(tf.relu6(tf.mul(x!, 9)), tf.maximum(tf.neg(y!), tf.clipByValue(x!, -0.5, 0.5)));
        const roots = tf.sqrt(tf.abs(tf.squaredDifference(x!, y!)));
        const smooth = tf.sigmoid(tf.leakyRelu(tf.exp(tf.softplus(x!)), 0.1));
        const odd = tf.log(tf.add(tf.reciprocal(tf.rsqrt(tf.add(tf.square(y!), 1))), tf.relu(tf.sign(x!))));
        return { state, outputs: { z, gate, far, roots, all: tf.add(tf.mul(smooth, 3), odd) } };
      },
      none,
      (run) => ({ x: randomTensor([3, 5, 4 + run], run), y: randomTensor([3, 5, 4 + run], run + 10) }),
    ));

  test('and updates by gradients of two terms', () => {
    const shapes = [[3, 4], [5], [2, 0], [33]];
    const tensors = (seed: number, low = -1): Tensors =>
      Object.fromEntries(shapes.map((shape, i) => [i, randomTensor(shape, seed + i, { low })]));
    return expectSame(
      ({ p0, p1, p2, p3, m0, m1, m2, m3, v0, v1, v2, v3 }, { coefficients, ...grads }) => {
        const sums = [0, 1, 2, 3].map((i) => (i === 1 ? grads[`a${i}`]! : tf.add(grads[`a${i}`]!, grads[`b${i}`]!)));
        const all = [p0, p1, p2, p3, m0, m1, m2, m3, v0, v1, v2, v3] as Tensor[];
        const { params, m, v } = adamUpdate(
          all.slice(0, 4),
          sums,
          all.slice(4, 8),
          all.slice(8),
          coefficients as tf.Tensor1D,
        );
        const list = (name: string, values: Tensor[]) => values.map((value, i) => [`${name}${i}`, value] as const);
        return {
          state: Object.fromEntries([...list('p', params), ...list('m', m), ...list('v', v)]),
          outputs: { first: sums[0]!.clone() },
        };
      },
      () => ({ ...prefixed('p', tensors(1)), ...prefixed('m', tensors(11)), ...prefixed('v', tensors(21, 0)) }),
      (run) => ({
        ...prefixed('a', tensors(31 + run)),
        ...prefixed('b', tensors(41 + run)),
        coefficients: adamCoefficients({ learningRate: 0.1, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, step: run + 1 }),
      }),
    );
  });
});

const prefixed = (prefix: string, tensors: Tensors): Tensors =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [prefix + name, tensor]));

describe('what a step may not do', () => {
  async function run(step: StepFunction<Tensors, Tensors, Tensors>, state: Tensors, inputs: Tensors): Promise<Tensors> {
    const captured = new Captured(tf.backend() as NativeBackend, step);
    try {
      return await captured.run(state, inputs);
    } finally {
      captured.dispose();
    }
  }

  test('read elements, whose like may differ next time', async () => {
    const x = tf.scalar(1);
    const step: StepFunction<Tensors, Tensors, Tensors> = (state, { x }) => ({
      state,
      outputs: { y: tf.scalar(x!.dataSync()[0]! + 1) },
    });
    await expect(run(step, {}, { x })).rejects.toThrow("cannot read a tensor's elements");
    // Nothing is recorded any more.
    expect(tf.tidy(() => numbers(tf.add(x, 1)))).toEqual([2]);
    x.dispose();
  });

  test('change the shape of its state', async () => {
    const w = tf.zeros([2]);
    await expect(run(() => ({ state: { w: tf.zeros([3]) }, outputs: {} }), { w }, {})).rejects.toThrow('same tensors');
    w.dispose();
  });

  test('share its state', async () => {
    const w = tf.zeros([2]);
    const copy = w.clone();
    await expect(run((state) => ({ state, outputs: {} }), { w }, {})).rejects.toThrow('shared');
    tf.dispose([w, copy]);
  });

  test('fail unnoticed: what a kernel throws rejects', async () => {
    const x = tf.tensor1d([0, 1, 2, 9], 'int32');
    const table = tf.zeros([3, 2]);
    await expect(
      run((state, { x, table }) => ({ state, outputs: { y: tf.gather(table!, x!) } }), {}, { x, table }),
    ).rejects.toThrow(onCpu ? /Native kernel Gather.*index/ : /index outside of its tensor/);
    tf.dispose([x, table]);
  });
});

test('the event loop runs meanwhile, and tensors may be disposed of', async () => {
  const captured = new Captured<Tensors, Tensors, Tensors>(tf.backend() as NativeBackend, (state, { a }) => {
    let y = a!;
    for (let i = 0; i < 20; i++) y = tf.matMul(y, a as tf.Tensor2D);
    return { state, outputs: { y } };
  });
  const side = emulated ? 64 : 400;
  const a: tf.Tensor2D = tf.fill([side, side], 1 / side);
  let turns = 0;
  let ended = false;
  const turn = () => {
    turns++;
    if (!ended) setImmediate(turn);
  };
  setImmediate(turn);
  const running = captured.run({}, { a });
  a.dispose();
  // Takes memory of a's size: none that the run works on.
  const other = tf.zeros([side, side]);
  const { y } = await running;
  ended = true;
  expect(turns).toBeGreaterThan(1);
  expect(y!.dataSync()[0]).toBeCloseTo(1 / side, 6);
  tf.dispose([y!, other]);
  captured.dispose();
});

test('kernels that are called while a step runs wait for it', async () => {
  const captured = new Captured<Tensors, Tensors, Tensors>(tf.backend() as NativeBackend, ({ w }) => ({
    state: { w: tf.add(tf.matMul(w as tf.Tensor2D, w as tf.Tensor2D), 1) },
    outputs: {},
  }));
  const w = tf.zeros([300, 300]);
  const running = captured.run({ w }, {});
  // Reads the state that the step works on: the new one.
  expect(tf.tidy(() => numbers(tf.max(w)))).toEqual([1]);
  await running;
  w.dispose();
  captured.dispose();
});
