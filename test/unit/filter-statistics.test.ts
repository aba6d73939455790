import { beforeAll, describe, expect, it } from 'vitest';
import { fitGaussian, logLikelihood } from '../../ts/embed/gaussian.js';
import { findLabelNoise, noiseMethods } from '../../ts/filter/confident-learning.js';
import { readGolden, type Golden } from '../helpers/golden.js';

let golden: Golden;
beforeAll(async () => {
  golden = await readGolden('statistics.safetensors');
});

describe('confident learning', () => {
  const planted = () => {
    const { labels, probabilities, truth, joint } = golden.under('noise/');
    return {
      labels: labels!.values,
      probabilities: { classes: 5, values: probabilities!.values },
      truth: truth!.values,
      joint: [...joint!.values],
    };
  };

  it.each(noiseMethods)('prunes what cleanlab prunes by %s', (method) => {
    const { labels, probabilities, joint } = planted();
    const found = findLabelNoise(labels, probabilities, method);
    expect(found.joint.flat()).toEqual(joint);
    expect(found.wrong.map(Number)).toEqual([...golden.under('noise/wrong/')[method]!.values]);
  });

  it('finds planted label noise', () => {
    const { labels, probabilities, truth } = planted();
    const { wrong } = findLabelNoise(labels, probabilities, 'noise-rate');
    const isPlanted = Array.from(labels, (label, i) => label !== truth[i]);
    const hits = wrong.filter((is, i) => is && isPlanted[i]).length;
    expect(hits / isPlanted.filter(Boolean).length).toBeGreaterThan(0.8);
    expect(hits / wrong.filter(Boolean).length).toBeGreaterThan(0.6);
  });

  it('finds nothing wrong where the classifier agrees with every label, or a class has no labels', () => {
    const labels = [0, 0, 1, 1];
    const values = [0.9, 0.1, 0, 0.8, 0.2, 0, 0.1, 0.9, 0, 0.3, 0.7, 0];
    const { wrong, joint } = findLabelNoise(labels, { classes: 3, values }, 'class');
    expect(wrong).toEqual([false, false, false, false]);
    expect(joint).toEqual([
      [2, 0, 0],
      [0, 2, 0],
      [0, 0, 0],
    ]);
  });
});

describe('the Gaussian', () => {
  const vectors = () => {
    const { shape, values } = golden.under('gaussian/')['vectors']!;
    return { count: shape[0]!, dimensions: shape[1]!, values };
  };

  it('is shrunk as scikit-learn does, and gives the log-likelihood that scipy gives', () => {
    const gaussian = fitGaussian(vectors());
    const { shrinkage, 'log-likelihood': expected } = golden.under('gaussian/');
    expect(gaussian.shrinkage).toBeCloseTo(shrinkage!.values[0]!, 6);
    const found = logLikelihood(gaussian, vectors());
    found.forEach((value, i) => expect(value).toBeCloseTo(expected!.values[i]!, 4));
  });

  it('wants two vectors that differ, and vectors of its own length', () => {
    const same = { count: 2, dimensions: 2, values: Float32Array.of(1, 2, 1, 2) };
    expect(() => fitGaussian(same)).toThrow('vectors that differ');
    expect(() => fitGaussian(same, Int32Array.of(0))).toThrow('at least 2 vectors, not 1');
    expect(() => logLikelihood(fitGaussian(vectors()), same)).toThrow('vectors of 2 numbers');
  });
});
