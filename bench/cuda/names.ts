import { execFileSync } from 'node:child_process';

/** Names of kernels as people know them, "instance_norm forward<4, 3>": source file, function, template arguments. */
export function kernelNames(symbols: readonly { mangled: string; file: string }[]): string[] {
  const demangled = execFileSync('c++filt', {
    ...{ encoding: 'utf8', maxBuffer: 2 ** 28 },
    input: symbols.map(({ mangled }) => mangled).join('\n'),
  }).split('\n');
  return symbols.map(({ file }, i) => `${file} ${shortName(demangled[i]!)}`.trim());
}

/** A function's name and template arguments, without namespaces, result and parameters. */
export const shortName = (demangled: string): string =>
  withoutParameters(demangled)
    .replace(/^void /, '')
    .replaceAll('(anonymous namespace)::', '')
    .replace(/\b(rareface::|cuda::)+/g, '')
    // "(Activation)2": as people write them.
    .replace(/\(\w+\)(\d+)/g, '$1');

/** Cuts the parameters: what follows the first parenthesis that stands in no template argument. */
function withoutParameters(name: string): string {
  let depth = 0;
  for (let i = 0; i < name.length; i++) {
    if (name[i] === '<') depth++;
    else if (name[i] === '>') depth--;
    else if (name[i] === '(' && depth === 0 && !name.startsWith('(anonymous namespace)', i)) return name.slice(0, i);
  }
  return name;
}
