import { z } from 'zod';
import { engines } from '../backend/engine.js';
import { expected } from '../base/errors.js';

interface Option<Schema extends z.ZodType> {
  readonly schema: Schema;
  readonly expects: string;
  readonly help: string;
}

const option = <Schema extends z.ZodType>(schema: Schema, expects: string, help: string): Option<Schema> => ({
  schema,
  expects,
  help,
});
const whole = (from: number, to: number, help: string) =>
  option(z.int().min(from).max(to), `an integer between ${from} and ${to}`, help);
const text = (expects: string, help: string) => option(z.string().min(1), expects, help);

/** Every option of pretraining: what it may be, what an error says was expected, its line of help. */
export const pretrainOptions = {
  data: text(
    'a file, a folder or the word synthetic',
    'csv or csv.gz of FER2013, folder of class folders, or "synthetic"',
  ),
  ferplus: option(z.string().min(1).nullable(), 'a file name', 'FER+ votes beside a csv: soft labels'),
  skipBad: option(z.boolean(), 'true or false', 'skip and count bad rows and files instead of stopping at them'),
  holdout: option(
    z.number().gt(0).lt(1).nullable(),
    'a number between 0 and 1',
    "fraction held out to measure on (default: the data's PublicTest rows, or 0.1 where it has none)",
  ),
  size: option(
    z.int().min(16).max(512).multipleOf(2),
    'an even integer between 16 and 512',
    'side of the images in pixels',
  ),
  channels: option(z.literal([1, 3]), '1 or 3', '1: grey, 3: colour'),
  width: option(z.number().gt(0).max(4), 'a number above 0, at most 4', "times VGG19's channels"),
  epochs: option(z.number().gt(0).max(10_000), 'a number above 0, at most 10000', 'times each image is seen'),
  smallFraction: option(
    z.number().min(0).max(1),
    'a number between 0 and 1',
    'first part of the steps, done at half the size, in a quarter of the time',
  ),
  batchSize: whole(2, 1024, 'images a step'),
  learningRate: option(z.number().gt(0).max(1), 'a number above 0, at most 1', "highest step size of Adam's one cycle"),
  labelSmoothing: option(
    z.number().min(0).lt(1),
    'a number from 0 to below 1',
    'part of every target that is spread over all classes',
  ),
  seed: whole(0, 0xffffffff, 'the same seed gives the same network'),
  engine: option(z.enum(engines), `one of ${engines.join(', ')}`, 'where the arithmetic happens'),
  precision: option(z.enum(['float16', 'float32']), 'float16 or float32', 'numbers in the file'),
  out: option(
    z
      .string()
      .regex(/.\.safetensors$/)
      .nullable(),
    'a file name that ends in .safetensors',
    'file to write, its model card (.md) beside it (default: faces-vgg19-w50.safetensors for the width 0.5)',
  ),
} as const;

type Fields = typeof pretrainOptions;
type Shape = { [Name in keyof Fields]: Fields[Name]['schema'] };

const schema = z.strictObject(
  Object.fromEntries(Object.entries(pretrainOptions).map(([name, { schema: field }]) => [name, field])) as Shape,
);

/** Every setting of a pretraining, resolved. */
export type PretrainConfig = z.infer<typeof schema>;

export const pretrainDefaults: PretrainConfig = {
  data: 'synthetic',
  ferplus: null,
  skipBad: false,
  holdout: null,
  size: 48,
  channels: 1,
  width: 0.5,
  epochs: 4,
  smallFraction: 0.6,
  batchSize: 64,
  learningRate: 2e-3,
  labelSmoothing: 0.05,
  seed: 1,
  engine: 'native',
  precision: 'float16',
  out: null,
};

/** VGG19 halves its images four times. */
const smallestSize = 16;

/**
 * Settings over the defaults.
 * @throws UserError naming the option, what was expected and what came
 */
export function resolvePretrain(settings: Readonly<Record<string, unknown>>): PretrainConfig {
  const given = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
  const candidate: Record<string, unknown> = { ...pretrainDefaults, ...given };
  const { success, data, error } = schema.safeParse(candidate);
  if (!success) {
    const name = String(error.issues[0]!.path[0] ?? '') as keyof Fields;
    throw expected(`${name} (${flagOf(name)})`, pretrainOptions[name].expects, candidate[name]);
  }
  if (data.smallFraction > 0 && data.size < 2 * smallestSize)
    throw expected(
      'smallFraction (--small-fraction)',
      `0 for images of ${data.size} pixels (half of them is below ${smallestSize})`,
      data.smallFraction,
    );
  return data;
}

/** `smallFraction` as `--small-fraction`. */
export const flagOf = (name: string): string => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
