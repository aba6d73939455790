import type { Launch } from './launches.js';
import { multiprocessors, occupancy, type Architecture } from './occupancy.js';
import { markdownTable } from './page.js';
import type { Resources } from './resources.js';

/** Files whose kernels take nearly all of a step: nothing of theirs may lie in memory that should be in registers. */
const hot = /^(multiply<|few_cols|residual_dense_block|perceptual_loss|instance_norm|channel_moments)/;

/** Bytes that a thread may keep in memory, eight registers: nothing that is read within a loop takes so little. */
const bearable = 32;

/** A line for each hot kernel that keeps more than a little in memory of its threads' own. */
export const spills = (resources: readonly Resources[]): string[] =>
  resources
    .filter(({ name, local }) => local > bearable && hot.test(name))
    .map(({ name, architecture, local }) => `${name} keeps ${local} bytes a thread in memory on ${architecture}`);

interface Row {
  readonly name: string;
  readonly of: ReadonlyMap<Architecture, Resources>;
  /** The launch that takes most of a multiprocessor, if a step launches it. */
  readonly launch: Launch | undefined;
}

function rowsOf(resources: readonly Resources[], launched: readonly Launch[]): Row[] {
  const names = [...new Set(resources.map(({ name }) => name))].sort();
  return names.map((name) => ({
    name,
    of: new Map(resources.filter((each) => each.name === name).map((each) => [each.architecture, each])),
    launch: launched
      .filter((each) => each.name === name)
      .sort((a, b) => b.shared - a.shared || b.threads - a.threads)[0],
  }));
}

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;

/** Registers, shared memory and occupancy of the hot kernels that training launches, and in a line of all others. */
export function compiledText(resources: readonly Resources[], launched: readonly Launch[]): string {
  const architectures = Object.keys(multiprocessors) as Architecture[];
  const rows = rowsOf(resources, launched);
  const used = rows.filter(({ name, launch }) => launch && (hot.test(name) || name.startsWith('adam')));
  const shown = new Set(used.map(({ name }) => name));
  const others = resources.filter(({ name }) => !shown.has(name));
  const cells = ({ name, of, launch }: Row) => {
    const statically = of.get('sm_90')?.shared ?? 0;
    const shared = statically + launch!.shared;
    const local = Math.max(...[...of.values()].map((each) => each.local));
    return [
      `\`${name}\``,
      launch!.threads,
      shared,
      local,
      ...architectures.flatMap((architecture) => {
        const found = of.get(architecture);
        if (!found) return ['', ''];
        const { registers } = found;
        const taken = occupancy(multiprocessors[architecture], { threads: launch!.threads, registers, shared });
        return [registers, `${taken.blocks}, ${percent(taken.share)}`];
      }),
    ];
  };
  const heads = architectures.flatMap((architecture) => [`${architecture}: registers`, 'blocks, warps']);
  return [
    markdownTable(['kernel', 'threads', 'shared bytes', 'local bytes', ...heads], used.map(cells)),
    `The other ${rows.length - used.length} kernels have ${Math.max(0, ...others.map(({ registers }) => registers))} ` +
      `registers at most, and ${Math.max(0, ...others.map(({ local }) => local))} bytes a thread in memory.`,
  ].join('\n\n');
}
