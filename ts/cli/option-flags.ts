import { Option } from 'commander';
import { z } from 'zod';
import { flagOf, optionGroups, options, type TrainConfig } from '../train/options.js';

/** What a flag that opens an option again (`--max-steps none`) is given. */
const none = 'none';

/**
 * Every training option as flags, in the groups and with the help of `optionGroups`. Of a toggle's
 * two flags, help shows the one that changes the preset.
 */
export function optionFlags(preset: TrainConfig): Option[] {
  return Object.entries(optionGroups).flatMap(([group, members]) =>
    Object.entries<{ schema: z.ZodType; help: string }>(members).flatMap(([name, { schema, help }]) => {
      const value = preset[name as keyof TrainConfig];
      const make = (flags: string, text: string) => new Option(flags, text).helpGroup(`${group}:`);
      const { type, names } = kindOf(schema);
      const flag = flagOf(name);
      if (type === 'boolean')
        return [
          make(flag, help).hideHelp(value === true),
          make(flag.replace('--', '--no-'), `do not ${help}`).hideHelp(value === false),
        ];
      const placeholder = names?.join('|') ?? { number: 'number', array: 'list', text: 'text' }[type];
      return [make(`${flag} <${placeholder}>`, value === null ? help : `${help} (default: ${show(value)})`)];
    }),
  );
}

type Kind = 'number' | 'boolean' | 'array' | 'text';

/** What a flag's text becomes, whether the option may be left open, and the names it is chosen from. */
function kindOf(schema: z.ZodType): { type: Kind; open: boolean; names?: readonly string[] } {
  if (schema instanceof z.ZodNullable) return { ...kindOf(schema.unwrap() as z.ZodType), open: true };
  if (schema instanceof z.ZodNumber) return { type: 'number', open: false };
  if (schema instanceof z.ZodBoolean) return { type: 'boolean', open: false };
  if (schema instanceof z.ZodArray) return { type: 'array', open: false };
  if (schema instanceof z.ZodEnum) return { type: 'text', open: false, names: schema.options.map(String) };
  if (schema instanceof z.ZodLiteral) return { type: 'number', open: false, names: [...schema.values].map(String) };
  return { type: 'text', open: false };
}

/**
 * Training options from what commander parsed: numbers from text, lists from commas, null for none.
 * What is no number stays as it was typed: the error about it shows that.
 */
export function settingsOf(parsed: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(parsed).map(([name, value]) => {
      if (typeof value !== 'string') return [name, value];
      const { type, open } = kindOf(options[name as keyof typeof options].schema);
      if (open && value === none) return [name, null];
      if (type === 'array') return [name, value.split(',').map((part) => part.trim())];
      return [name, type === 'number' && value.trim() !== '' && !Number.isNaN(Number(value)) ? Number(value) : value];
    }),
  );
}

const show = (value: unknown): string => (Array.isArray(value) ? value.join(',') : String(value));
