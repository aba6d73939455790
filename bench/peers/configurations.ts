import type { TorchSettings } from './torch-process.js';

/** A way to run the same work in PyTorch. */
export interface Configuration {
  /** What --configurations takes and tables show, e.g. `channels-last+group+compile`. */
  readonly id: string;
  readonly settings: Partial<TorchSettings>;
}

const channelsLast = { id: 'channels-last', settings: { channels_last: true } };
const eager: Configuration = { id: 'eager', settings: {} };
const groupNorm: Configuration = {
  id: 'channels-last+group',
  settings: { channels_last: true, group_norm: true },
};

const merged: Configuration = { id: 'merge', settings: { merge: true } };
const groupMerged: Configuration = {
  id: 'channels-last+group+merge',
  settings: { ...groupNorm.settings, merge: true },
};

/** The peer's, by what each task has to choose: `merge` batches calls of a step, `group` is a norm that keeps channels_last. */
const plain: Readonly<Record<TorchSettings['task'], readonly Configuration[]>> = {
  step: [eager, groupNorm, merged, groupMerged],
  trunk: [eager, channelsLast, groupNorm],
  perceptual: [eager, channelsLast],
  infer: [eager, channelsLast, groupNorm],
  generate: [eager, channelsLast, groupNorm],
};

/**
 * All configurations of a task, each also with torch.compile.
 * @param normed whether the work has norms: without them the kind of norm is no choice
 */
export function configurationsOf(task: TorchSettings['task'], normed = true): Configuration[] {
  return plain[task]
    .filter((configuration) => normed || !configuration.settings.group_norm)
    .flatMap((configuration) => [
      configuration,
      { id: `${configuration.id}+compile`, settings: { ...configuration.settings, compile: true } },
    ]);
}

/** Of a training step on a GPU: compiled with CUDA graphs, too, and as one CUDA graph by hand. */
export const gpuConfigurations: readonly Configuration[] = [
  eager,
  merged,
  groupMerged,
  ...[merged, groupMerged].flatMap(({ id, settings }): Configuration[] => [
    { id: `${id}+compile`, settings: { ...settings, compile: true } },
    { id: `${id}+compile-graphs`, settings: { ...settings, compile: 'reduce-overhead' } },
    { id: `${id}+captured`, settings: { ...settings, captured: true } },
  ]),
];

/** Every name that --configurations takes. */
export const configurationIds: readonly string[] = [
  ...new Set(
    (['step', 'trunk', 'perceptual', 'infer', 'generate'] as const).flatMap((task) =>
      configurationsOf(task).map(({ id }) => id),
    ),
  ),
];

/** How a configuration did in its short trial. */
export type Probe =
  | { readonly id: string; readonly ms: number; readonly peakMiB: number }
  | { readonly id: string; readonly error: string };

/** The fastest of those that worked, if any did. */
export function fastestOf(probes: readonly Probe[]): Extract<Probe, { ms: number }> | undefined {
  const worked = probes.filter((probe) => 'ms' in probe);
  return worked.sort((a, b) => a.ms - b.ms)[0];
}

/** One line a configuration, fastest first, those that failed last. */
export function probeLines(probes: readonly Probe[]): string[] {
  const rank = (probe: Probe) => ('ms' in probe ? probe.ms : Infinity);
  const width = Math.max(...probes.map(({ id }) => id.length));
  return [...probes]
    .sort((a, b) => rank(a) - rank(b))
    .map((probe) => {
      const result =
        'ms' in probe ? `${probe.ms.toFixed(1)} ms, ${probe.peakMiB.toFixed(0)} MiB` : `failed: ${probe.error}`;
      return `${probe.id.padEnd(width)}  ${result}`;
    });
}
