import { UserError } from '../base/errors.js';
import type { Study } from './options.js';

/** A generator of a study: one combination of what is varied. */
export interface Variant {
  readonly name: string;
  readonly preset: Study['generators'][number]['preset'];
  readonly settings: Readonly<Record<string, unknown>>;
}

/** Every combination of what generators vary, named. @throws UserError where two would have one name */
export function variantsOf({ generators }: Study): Variant[] {
  const variants = generators.flatMap(({ name, preset, settings, vary }) =>
    combinations(vary).map((chosen) => ({
      name: name.replaceAll(/\{(\w+)\}/g, (_, option: string) => {
        if (!Object.hasOwn(chosen, option))
          throw new UserError(`The generator's name '${name}' holds {${option}}, which is not varied.`);
        return String(chosen[option]);
      }),
      preset,
      settings: { ...settings, ...chosen },
    })),
  );
  const names = variants.map((variant) => variant.name);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined)
    throw new UserError(`Two generators are called '${twice}': put what is varied into the name, as {option}.`);
  return variants;
}

function combinations(vary: Readonly<Record<string, readonly unknown[]>>): Record<string, unknown>[] {
  return Object.entries(vary).reduce<Record<string, unknown>[]>(
    (all, [name, values]) => all.flatMap((chosen) => values.map((value) => ({ ...chosen, [name]: value }))),
    [{}],
  );
}
