import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { UserError } from '../../ts/base/errors.js';
import { flagOf } from '../../ts/base/options.js';
import { checkUseful, resolveConfig, resumeConfig, validateConfig } from '../../ts/train/config.js';
import { options } from '../../ts/train/options.js';
import { presets } from '../../ts/train/presets.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rareface-config-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function file(content: string): Promise<string> {
  const path = join(folder, `${Math.random()}.json`);
  await writeFile(path, content);
  return path;
}

describe('resolving', () => {
  test.each(Object.keys(presets))('preset %s is a whole, valid configuration', async (preset) => {
    expect(await resolveConfig({ preset })).toEqual(validateConfig({ ...presets[preset as 'quick'] }));
  });

  test('quick is the default', async () => {
    expect(await resolveConfig({})).toEqual(presets.quick);
  });

  test("the paper's presets hold the write-up's settings", () => {
    expect(presets['paper-ecyclegan']).toMatchObject({
      generator: 'ecyclegan',
      blocks: 2,
      denseBlocks: 2,
      subBlocks: 3,
      trunkNorm: 'instance',
      residualScale: 0.5,
      ganLoss: 'lsgan',
      lambdaCycle: 1,
      lambdaIdentity: 0.5,
      perceptualAlpha: 0.5,
      perceptualBeta: 0.5,
      epochsFlat: 100,
      epochsDecay: 100,
      batchSize: 1,
      poolSize: 50,
    });
    expect(presets['paper-cyclegan']).toMatchObject({ generator: 'cyclegan', perceptualAlpha: 0, perceptualBeta: 1 });
  });

  test('flags win over the file, the file over the preset', async () => {
    const path = await file('{"preset": "paper-cyclegan", "lambdaCycle": 3, "seed": 5}');
    const config = await resolveConfig({ file: path, settings: { seed: 6, name: undefined } });
    expect(config).toEqual({ ...presets['paper-cyclegan'], lambdaCycle: 3, seed: 6 });
  });

  test('what was saved resolves to itself', async () => {
    const config = await resolveConfig({ preset: 'paper-ecyclegan', settings: { instanceNoise: 0.1 } });
    expect(await resolveConfig({ file: await file(JSON.stringify(config)) })).toEqual(config);
  });
});

describe('errors name the option, what was expected and what came', () => {
  test.each([
    [{ size: 50 }, 'Expected an integer between 16 and 512 (must be divisible by 4) for size (--size) but received 50'],
    [{ perceptualAlpha: Number.NaN }, 'for perceptualAlpha (--perceptual-alpha) but received NaN'],
    [{ lambdaCycle: -1 }, 'a number between 0 and 1000 for lambdaCycle (--lambda-cycle) but received -1'],
    [{ lambdaCycle: 'ten' }, "for lambdaCycle (--lambda-cycle) but received 'ten' of type string"],
    [{ generator: 'unet' }, "one of cyclegan, ecyclegan for generator (--generator) but received 'unet'"],
    [{ channels: 2 }, '1 or 3 for channels (--channels) but received 2'],
    [{ batchSize: 1.5 }, 'an integer between 1 and 256 for batchSize (--batch-size)'],
    [{ learningRate: 0 }, 'a number above 0, at most 1 for learningRate (--learning-rate)'],
    [{ beta1: 1 }, 'a number from 0 to below 1 for beta1 (--beta1)'],
    [{ featureLayers: [] }, 'layer names such as relu5_4 for featureLayers (--feature-layers)'],
    [{ name: 'a/b' }, "letters, digits, dots, dashes and underscores for name (--name) but received 'a/b'"],
    [{ flip: 'yes' }, "true or false for flip (--flip) but received 'yes'"],
    [{ maxMinutes: 0 }, 'a number above 0 for maxMinutes (--max-minutes)'],
    [{ labelFlip: 0.9 }, 'a number between 0 and 0.5 for labelFlip (--label-flip)'],
    [
      { engine: 'gpu' },
      "one of auto, native, native-cuda, tfjs-node-gpu, tfjs-node, cpu for engine (--engine) but received 'gpu'",
    ],
    [{ precision: 'float16' }, "one of float32, bfloat16, tf32 for precision (--precision) but received 'float16'"],
    [{ engine: 'wasm' }, "tfjs's wasm backend cannot train"],
    [{ engine: 'webgpu' }, "tfjs's webgpu backend cannot train"],
    [{ precision: 'bfloat16', engine: 'cpu' }, 'float32 with engine cpu for precision (--precision)'],
    [{ from: 'Happy', to: 'happy' }, "another class than --from Happy for to (--to) but received 'happy'"],
    [{ epochsFlat: 0, epochsDecay: 0 }, 'at least 1 epoch together with epochsDecay for epochsFlat (--epochs-flat)'],
    [{ perceptualAlpha: 0, perceptualBeta: 0 }, 'for perceptualBeta (--perceptual-beta) but received 0'],
    [{ lambdaCycle: 0 }, '0 where lambdaCycle, which scales it, is 0 for lambdaIdentity (--lambda-identity)'],
    [{ size: 16, discriminatorLayers: 4 }, 'fewer layers for images of 16 pixels (4 layers need 48)'],
    [{ lamdaCycle: 1 }, "Unknown option 'lamdaCycle'"],
  ])('%o', async (settings, message) => {
    await expect(resolveConfig({ settings })).rejects.toThrow(UserError);
    await expect(resolveConfig({ settings })).rejects.toThrow(message);
  });

  test.each([
    [{ features: 'faces.safetensors' }, '--features changes nothing where the distance of features weighs nothing'],
    [{ generator: 'cyclegan', blocks: 4 }, '--blocks changes nothing with --generator cyclegan'],
    [{ resBlocks: 4 }, '--res-blocks changes nothing with --generator ecyclegan'],
  ])('%o, which is useless', async (settings, message) => {
    const config = await resolveConfig({ settings });
    expect(() => checkUseful(config, settings)).toThrow(message);
  });

  test('unknown preset', async () => {
    await expect(resolveConfig({ preset: 'paper' })).rejects.toThrow(
      "Expected one of quick, paper-cyclegan, paper-ecyclegan for preset (--preset) but received 'paper'",
    );
  });

  test('files', async () => {
    await expect(resolveConfig({ file: join(folder, 'none.json') })).rejects.toThrow(/none\.json.*ENOENT/);
    await expect(resolveConfig({ file: await file('{"seed": ') })).rejects.toThrow(/Cannot read the configuration/);
    await expect(resolveConfig({ file: await file('[1]') })).rejects.toThrow(/expected a JSON object/);
    await expect(resolveConfig({ file: await file('{"sed": 1}') })).rejects.toThrow(/Unknown option 'sed' in .*json/);
  });
});

test('a resumed run may change limits, which it does not inherit, and the engine', () => {
  const config = { ...presets.quick, maxSteps: 10 };
  expect(resumeConfig(config, {}).maxSteps).toBeNull();
  expect(resumeConfig(config, { maxSteps: 20, checkpointEvery: 7 })).toMatchObject({
    maxSteps: 20,
    checkpointEvery: 7,
  });
  expect(resumeConfig(config, { engine: 'tfjs-node' }).engine).toBe('tfjs-node');
  expect(() => resumeConfig(config, { seed: 3 })).toThrow(/--seed cannot change when a run is resumed/);
  expect(() => resumeConfig(config, { precision: 'bfloat16' })).toThrow(/--precision cannot change when a run is/);
  expect(() => resumeConfig(config, { maxSteps: -1 })).toThrow(/--max-steps/);
});

test('every option has a flag, an expectation and help', () => {
  expect(flagOf('lambdaCycle')).toBe('--lambda-cycle');
  for (const { expects, help } of Object.values(options)) {
    expect(expects.length).toBeGreaterThan(3);
    expect(help.length).toBeGreaterThan(10);
  }
});
