import { Option } from 'commander';
import { z } from 'zod';
import { engineOfDevice, engineOption } from '../backend/engine.js';
import { expected } from '../base/errors.js';
import { flagOf, type Options } from '../base/options.js';

/** What a flag that opens an option again (`--max-steps none`) is given. */
const none = 'none';

/**
 * Options as flags, with their help; one without a default must be given. Of a toggle's two flags,
 * help shows the one that changes the default.
 * @param group heading in the help; left out: "Options:"
 */
export function optionFlags(options: Options, defaults: Readonly<Record<string, unknown>>, group?: string): Option[] {
  return Object.entries(options).flatMap(([name, { schema, help, open, placeholder }]) => {
    const value = defaults[name];
    const make = (flags: string, text: string) => {
      const option = new Option(flags, text);
      return group === undefined ? option : option.helpGroup(`${group}:`);
    };
    const { type, names } = kindOf(schema);
    const flag = flagOf(name);
    if (type === 'boolean')
      return [
        make(flag, help).hideHelp(value === true),
        make(flag.replace('--', '--no-'), `do not ${help}`).hideHelp(value === false),
      ];
    const made = make(`${flag} <${placeholder ?? names?.join('|') ?? type}>`, help + defaultNote(value, open));
    made.makeOptionMandatory(value === undefined);
    return options[name] === engineOption ? [made, make(deviceFlag, deviceHelp)] : [made];
  });
}

// Another way to say which engine, for the two that are the native one.
const deviceFlag = `--device <${Object.keys(engineOfDevice).join('|')}>`;
const deviceHelp = 'where the native engine runs, cuda being a GPU: short for --engine native, native-cuda or auto';

/** @throws UserError for a device that is none, or not the engine's */
function engineFor(device: string, engine: string | undefined): string {
  if (!Object.hasOwn(engineOfDevice, device))
    throw expected('device (--device)', `one of ${Object.keys(engineOfDevice).join(', ')}`, device);
  const named = engineOfDevice[device as keyof typeof engineOfDevice];
  if (engine !== undefined && engine !== 'native' && engine !== named)
    throw expected('device (--device)', `no device with --engine ${engine}`, device);
  return named;
}

/** @param open what comes of the option left open */
function defaultNote(value: unknown, open: string | undefined): string {
  if (value === undefined) return ' (required)';
  if (value === null) return open === undefined ? '' : ` (default: ${open})`;
  return ` (default: ${show(value)}${open === undefined ? '' : `; ${none}: ${open}`})`;
}

const show = (value: unknown): string => (Array.isArray(value) ? value.join(',') : String(value));

type Kind = 'number' | 'boolean' | 'list' | 'text';

/** What a flag's text becomes, whether the option may be left open, and the names it is chosen from. */
function kindOf(schema: z.ZodType): { type: Kind; open: boolean; names?: readonly string[] } {
  if (schema instanceof z.ZodNullable) return { ...kindOf(schema.unwrap() as z.ZodType), open: true };
  if (schema instanceof z.ZodNumber) return { type: 'number', open: false };
  if (schema instanceof z.ZodBoolean) return { type: 'boolean', open: false };
  if (schema instanceof z.ZodArray) return { type: 'list', open: false };
  if (schema instanceof z.ZodEnum) return { type: 'text', open: false, names: schema.options.map(String) };
  if (schema instanceof z.ZodLiteral) return { type: 'number', open: false, names: [...schema.values].map(String) };
  return { type: 'text', open: false };
}

/**
 * Settings from what commander parsed: numbers from text, lists from commas, null for none.
 * What is no number stays as it was typed: the error about it shows that.
 */
export function settingsOf(options: Options, given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { device, ...rest } = given;
  const parsed =
    typeof device === 'string' ? { ...rest, engine: engineFor(device, rest['engine'] as string | undefined) } : given;
  return Object.fromEntries(
    Object.entries(parsed).map(([name, value]) => {
      if (typeof value !== 'string') return [name, value];
      const { type, open } = kindOf(options[name]!.schema);
      if (open && value === none) return [name, null];
      if (type === 'list') return [name, value.split(',').map((part) => part.trim())];
      return [name, type === 'number' && value.trim() !== '' && !Number.isNaN(Number(value)) ? Number(value) : value];
    }),
  );
}
