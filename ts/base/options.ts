import { z } from 'zod';
import { expected, UserError } from './errors.js';

/** One option: what it may be, what an error says was expected, and its line of help. */
export interface Option<Schema extends z.ZodType = z.ZodType> {
  readonly schema: Schema;
  readonly expects: string;
  readonly help: string;
  /** What comes of an option that is left open (null), where the help does not say so. */
  readonly open?: string;
  /** What stands for its value in the help: `--out <file>`; left out: number, text or the like. */
  readonly placeholder?: string;
  /** What an error says, whole, of values that might be expected to work and do not. */
  readonly refusals?: Readonly<Record<string, string>>;
}

/** Options by name. The flag of `lambdaCycle` is `--lambda-cycle`. */
export type Options = Readonly<Record<string, Option>>;

/** The values of options. */
export type Settings<Of extends Options> = { -readonly [Name in keyof Of]: z.infer<Of[Name]['schema']> };

export const option = <Schema extends z.ZodType>(schema: Schema, expects: string, help: string): Option<Schema> => ({
  schema,
  expects,
  help,
});

export const whole = (from: number, to: number, help: string): Option<z.ZodInt> =>
  option(z.int().min(from).max(to), `an integer between ${from} and ${to}`, help);

export const number = (from: number, to: number, help: string): Option<z.ZodNumber> =>
  option(z.number().min(from).max(to), `a number between ${from} and ${to}`, help);

/** A number above 0. @param to the largest; left out: any */
export const positive = (help: string, to?: number): Option<z.ZodNumber> =>
  to === undefined
    ? option(z.number().gt(0), 'a number above 0', help)
    : option(z.number().gt(0).max(to), `a number above 0, at most ${to}`, help);

/** A number from 0 to below 1. */
export const belowOne = (help: string): Option<z.ZodNumber> =>
  option(z.number().min(0).lt(1), 'a number from 0 to below 1', help);

export const choice = <const Names extends readonly [string, ...string[]]>(
  names: Names,
  help: string,
): Option<z.ZodType<Names[number]>> => option(z.enum(names), `one of ${names.join(', ')}`, help);

/** @param help what it does, as an order: "skip bad rows" */
export const toggle = (help: string): Option<z.ZodBoolean> => option(z.boolean(), 'true or false', help);

export const text = (expects: string, help: string): Option<z.ZodString> => option(z.string().min(1), expects, help);

export const file = (help: string): Option<z.ZodString> => ({ ...text('a file name', help), placeholder: 'file' });

/** A file of one kind. @param ending of its name, e.g. ".json" */
export const fileOfKind = (ending: string, help: string): Option<z.ZodString> => ({
  ...file(help),
  schema: z.string().regex(new RegExp(`.\\${ending}$`)),
  expects: `a file name that ends in ${ending}`,
});

export const folder = (help: string): Option<z.ZodString> => ({ ...text('a folder', help), placeholder: 'folder' });

/** A list that has no value twice. */
export const distinct = <Item extends z.ZodType>(item: Item): z.ZodArray<Item> =>
  z.array(item).superRefine((values, context) => {
    const texts = values.map((value) => JSON.stringify(value));
    const at = texts.findIndex((text, i) => texts.indexOf(text) < i);
    if (at >= 0) context.addIssue({ code: 'custom', path: [at], message: `${texts[at]} is there already` });
  });

/** A class of faces. */
export const faceClass = (help: string): Option<z.ZodString> => ({
  ...text('a class name', help),
  placeholder: 'class',
});

/** An option that may be left open: null. @param open what comes of it then, for the help */
export const maybe = <Schema extends z.ZodType>(
  inner: Option<Schema>,
  open?: string,
): Option<z.ZodNullable<Schema>> => ({
  ...inner,
  schema: inner.schema.nullable(),
  ...(open === undefined ? {} : { open }),
});

/** `lambdaCycle` as `--lambda-cycle`. */
export const flagOf = (name: string): string => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** Settings without those that are undefined, which leave a default as it is. */
export const given = (settings: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));

/** Those that are not as by default: a whole configuration names the others, too. */
export const unlike = (
  defaults: Readonly<Record<string, unknown>>,
  settings: Readonly<Record<string, unknown>>,
): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(given(settings)).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(defaults[name])),
  );

/**
 * @param named options that someone gave a value; null: none
 * @param why what they would change nothing for: "without --select"
 * @throws UserError for one of `names` among them
 */
export function refuseUseless(named: Readonly<Record<string, unknown>>, names: readonly string[], why: string): void {
  const useless = names.find((name) => named[name] !== undefined && named[name] !== null);
  if (useless !== undefined) throw new UserError(`${flagOf(useless)} changes nothing ${why}.`);
}

/** @throws UserError for a name that no option has. @param where it stands, e.g. " in config.json" */
export function checkNames(options: Options, settings: object, where = ''): void {
  for (const name of Object.keys(settings))
    if (!Object.hasOwn(options, name))
      throw new UserError(`Unknown option '${name}'${where}. Options: ${Object.keys(options).join(', ')}.`);
}

/** @throws UserError naming the option, what was expected and what came */
export function checkOption<Value>(
  name: string,
  { schema, expects, refusals = {} }: Option<z.ZodType<Value>>,
  value: unknown,
): Value {
  const { success, data } = schema.safeParse(value);
  if (typeof value === 'string' && Object.hasOwn(refusals, value)) throw new UserError(refusals[value]!);
  if (!success) throw expected(`${name} (${flagOf(name)})`, expects, value);
  return data;
}

/**
 * A value for every option, each one that it may have.
 * @throws UserError for an unknown name, and for the first option that is not what its schema wants
 */
export function checkSettings<Of extends Options>(
  options: Of,
  candidate: Readonly<Record<string, unknown>>,
): Settings<Of> {
  checkNames(options, candidate);
  return Object.fromEntries(
    Object.entries(options).map(([name, option]) => [name, checkOption(name, option, candidate[name])]),
  ) as Settings<Of>;
}
