import type { Tensor4D } from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { makeDiscriminator, type DiscriminatorConfig } from '../../ts/models/discriminator.js';
import { makeGenerator, type GeneratorConfig } from '../../ts/models/generator.js';
import { checkParams, uploadParams } from '../../ts/models/host-params.js';
import { expectCloseToScale, outputAndGradients } from '../helpers/gradients.js';
import { readGolden } from '../helpers/golden.js';
import { resultsOn } from '../helpers/parity.js';

const golden = await readGolden('networks.safetensors');
const cases = Object.entries(golden.metadata('cases') as Record<string, GeneratorConfig | DiscriminatorConfig>);

test('the golden file has both generators, both norms and the discriminator', () => {
  expect(cases.map(([name]) => name)).toEqual([
    ...['cyclegan', 'ecyclegan-instance', 'ecyclegan-none', 'discriminator-2', 'discriminator-3'],
  ]);
});

describe.each(cases)('%s', (name, config) => {
  test.each(['native', 'cpu'] as const)(
    "on %s, output and gradients are PyTorch's (golden/make_step.py)",
    async (engine) => {
      const network = 'generator' in config ? makeGenerator(config) : makeDiscriminator(config);
      const params = checkParams(network, golden.under(`${name}/params/`), name);
      const grads = checkParams(network, golden.under(`${name}/grads/`), name);
      const { x, factors, output, dx } = golden.under(`${name}/`);
      const expected = [output!, dx!, ...Object.values(grads)].map(({ shape, values }) => ({
        shape: [...shape],
        dtype: 'float32',
        values,
      }));
      const actual = await resultsOn(engine, () => {
        const tensors = uploadParams({ x: x!, factors: factors! });
        return outputAndGradients(network, params, tensors['x'] as Tensor4D, tensors['factors']);
      });
      // Single precision leaves about 3e-6 here.
      expectCloseToScale(actual, expected, 5e-5, ['output', 'dx', ...Object.keys(grads)]);
    },
  );
});
