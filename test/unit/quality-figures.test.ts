import { beforeAll, describe, expect, it } from 'vitest';
import type { Embeddings } from '../../ts/embed/embedder.js';
import { nearest, selectVectors } from '../../ts/embed/neighbours.js';
import { frechetDistance } from '../../ts/quality/frechet.js';
import { kernelDistance } from '../../ts/quality/kernel-distance.js';
import { identityKept } from '../../ts/quality/identity.js';
import { manifoldFigures } from '../../ts/quality/manifold.js';
import { readGolden } from '../helpers/golden.js';

let real: Embeddings;
let made: Embeddings;
let expected: (name: string) => number;
beforeAll(async () => {
  const golden = (await readGolden('statistics.safetensors')).under('sets/');
  const vectors = (name: string): Embeddings => {
    const { shape, values } = golden[name]!;
    return { count: shape[0]!, dimensions: shape[1]!, values };
  };
  real = vectors('real');
  made = vectors('made');
  expected = (name) => golden[name]!.values[0]!;
});

it('gives the Frechet distance that scipy gives, and 0 of a set to itself', () => {
  expect(frechetDistance(real, made)).toBeCloseTo(expected('fid'), 5);
  expect(frechetDistance(real, real)).toBeCloseTo(0, 9);
});

it('gives a Frechet distance where there are fewer vectors than dimensions', () => {
  // Of two points each, one twice as far out: |m - w|^2 = 0 and (s - 2s)^2 of the one variance that there is.
  const pair = (x: number) => ({ count: 2, dimensions: 3, values: Float32Array.of(x, 0, 0, -x, 0, 0) });
  expect(frechetDistance(pair(1), pair(2))).toBeCloseTo(2, 6);
});

it('gives the kernel distance that numpy gives, and about 0 between halves of one set', () => {
  const { value, deviation } = kernelDistance(real, made, 1);
  expect(value).toBeCloseTo(expected('kid'), 5);
  expect(deviation).toBeGreaterThan(0);
  const half = (odd: number) =>
    selectVectors(
      real,
      Array.from({ length: 60 }, (_, i) => 2 * i + odd),
    );
  const same = kernelDistance(half(0), half(1), 1);
  expect(Math.abs(same.value)).toBeLessThan(3 * same.deviation);
});

describe('precision, recall, density and coverage', () => {
  it('are those that numpy gives', async () => {
    const figures = await manifoldFigures(real, made, 5);
    for (const [name, value] of Object.entries(figures)) expect(value).toBeCloseTo(expected(name), 6);
  });

  it('tell a few faces made again and again from all of them', async () => {
    const few = selectVectors(
      real,
      Array.from({ length: 120 }, (_, i) => i % 4),
    );
    const { precision, recall, coverage } = await manifoldFigures(real, few, 5);
    expect(precision).toBe(1);
    expect(recall).toBeLessThan(0.05);
    expect(coverage).toBeLessThan(0.3);
  });
});

it('finds faces alike that are, and others not, whatever all have in common', () => {
  const raised = { ...real, values: real.values.map((value) => value + 100) };
  const { kept, lowest10, ofOthers } = identityKept(raised, raised, raised);
  expect(kept).toBeCloseTo(1, 4);
  expect(lowest10).toBeCloseTo(1, 4);
  expect(Math.abs(ofOthers)).toBeLessThan(0.1);
});

it('finds the nearest neighbours that sorting finds', async () => {
  const { indices, distances } = await nearest(made, real, 3);
  const all = Array.from({ length: real.count }, (_, t) =>
    Math.hypot(...Array.from({ length: 16 }, (_, i) => made.values[7 * 16 + i]! - real.values[t * 16 + i]!)),
  );
  const order = [...all.keys()].sort((a, b) => all[a]! - all[b]!).slice(0, 3);
  expect([...indices.subarray(21, 24)]).toEqual(order);
  order.forEach((t, n) => expect(distances[21 + n]).toBeCloseTo(all[t]!, 9));
});

it('refuses embeddings of another size', async () => {
  const short = { count: 10, dimensions: 8, values: new Float32Array(80) };
  expect(() => frechetDistance(real, short)).toThrow('vectors of 16 numbers cannot be compared with vectors of 8');
  expect(() => kernelDistance(real, short, 1)).toThrow('cannot be compared');
  await expect(manifoldFigures(real, short, 3)).rejects.toThrow('cannot be compared');
  await expect(manifoldFigures(real, selectVectors(made, [1, 2]), 5)).rejects.toThrow('more than 2 vectors');
});
