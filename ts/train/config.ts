import { readFile } from 'node:fs/promises';
import { checkPrecision } from '../backend/engine.js';
import { expected, messageOf, UserError } from '../base/errors.js';
import { checkNames, checkSettings, flagOf, given, refuseUseless } from '../base/options.js';
import { options, sittingOptions, type TrainConfig, type TrainSettings } from './options.js';
import { presets, type PresetName } from './presets.js';

export interface ConfigSources {
  /** Starting point; default `quick`, or what the file names under `preset`. */
  preset?: string;
  /** A JSON file of settings, e.g. another run's config.json. */
  file?: string;
  /** Settings that win over the file's. */
  settings?: Readonly<Record<string, unknown>>;
}

/**
 * Resolves preset, file and settings, in that order, to a whole configuration.
 * @throws UserError naming the option (and the file), what was expected and what came
 */
export async function resolveConfig({ preset, file, settings = {} }: ConfigSources): Promise<TrainConfig> {
  const { preset: filePreset, ...fromFile } = file === undefined ? {} : await readSettings(file);
  const name = preset ?? filePreset ?? 'quick';
  if (typeof name !== 'string' || !Object.hasOwn(presets, name))
    throw expected('preset (--preset)', `one of ${Object.keys(presets).join(', ')}`, name);
  if (file !== undefined) checkNames(options, fromFile, ` in ${file}`);
  return validateConfig({ ...presets[name as PresetName], ...fromFile, ...given(settings) });
}

/** Options of one kind of generator alone. */
const ofGenerator = {
  cyclegan: ['resBlocks'],
  ecyclegan: ['blocks', 'denseBlocks', 'subBlocks', 'growth', 'residualScale', 'trunkNorm'],
} as const satisfies Record<TrainConfig['generator'], (keyof TrainConfig)[]>;

/**
 * @param named the options that someone asked for: a whole configuration names all
 * @throws UserError for one that the others make useless
 */
export function checkUseful(config: TrainConfig, named: Readonly<Record<string, unknown>>): void {
  if (config.perceptualAlpha * config.lambdaCycle === 0)
    refuseUseless(
      named,
      ['features', 'featureLayers'],
      'where the distance of features weighs nothing: give --perceptual-alpha and --lambda-cycle above 0, or --preset ' +
        'paper-ecyclegan',
    );
  const other = config.generator === 'cyclegan' ? 'ecyclegan' : 'cyclegan';
  refuseUseless(named, ofGenerator[other], `with --generator ${config.generator}`);
}

/** @throws UserError naming the first option that is not what its schema wants, or does not fit the others */
export function validateConfig(candidate: Readonly<Record<string, unknown>>): TrainConfig {
  const config = checkSettings(options, candidate);
  checkTogether(config);
  return config;
}

/** What another sitting of a run may change: on another engine it goes on as well, but for rounding. */
const changeable: readonly string[] = [...sittingOptions, 'engine' satisfies keyof TrainConfig];

/**
 * The configuration of another sitting of a run.
 * @param settings options that may change, and others as the run has them
 * @throws UserError for an option that would change what the run computes
 */
export function resumeConfig(config: TrainConfig, settings: Readonly<Record<string, unknown>>): TrainConfig {
  const changes = given(settings);
  for (const [name, value] of Object.entries(changes)) {
    const same = JSON.stringify(value) === JSON.stringify(config[name as keyof TrainConfig]);
    if (!same && !changeable.includes(name))
      throw new UserError(
        `${flagOf(name)} cannot change when a run is resumed: it is part of the run's config.json. ` +
          `May change: ${changeable.map(flagOf).join(', ')}.`,
      );
  }
  // Limits belong to the sitting that set them.
  return validateConfig({ ...config, maxSteps: null, maxMinutes: null, ...changes });
}

function checkTogether(config: TrainConfig): void {
  if (config.from.toLowerCase() === config.to.toLowerCase())
    throw expected('to (--to)', `another class than --from ${config.from}`, config.to);
  if (config.epochsFlat + config.epochsDecay === 0)
    throw expected('epochsFlat (--epochs-flat)', 'at least 1 epoch together with epochsDecay', 0);
  if (config.perceptualAlpha + config.perceptualBeta === 0 && config.lambdaCycle > 0)
    throw expected('perceptualBeta (--perceptual-beta)', 'a number above 0 where perceptualAlpha is 0', 0);
  if (config.lambdaCycle === 0 && config.lambdaIdentity > 0)
    throw expected(
      'lambdaIdentity (--lambda-identity)',
      '0 where lambdaCycle, which scales it, is 0',
      config.lambdaIdentity,
    );
  checkPrecision(config.engine, config.precision);
  // Each of `layers` halvings needs room for the two 4x4 convolutions of stride 1 that follow.
  const smallest = 2 ** config.discriminatorLayers * 3;
  if (config.size < smallest)
    throw expected(
      'discriminatorLayers (--discriminator-layers)',
      `fewer layers for images of ${config.size} pixels (${config.discriminatorLayers} layers need ${smallest})`,
      config.discriminatorLayers,
    );
}

/** Reads a JSON object of settings. @throws UserError naming the file */
export async function readSettings(file: string): Promise<Record<string, unknown>> {
  let content: unknown;
  try {
    content = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new UserError(`Cannot read the configuration ${file}: ${messageOf(error)}`);
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content))
    throw new UserError(`Cannot read the configuration ${file}: expected a JSON object of options.`);
  return content as Record<string, unknown>;
}

export type { TrainConfig, TrainSettings };
