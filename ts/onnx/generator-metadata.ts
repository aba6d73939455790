import { z } from 'zod';

/** What a generator's file says about itself, in its metadata_props. */
export interface GeneratorMetadata {
  /** Class that it translates from, and to. */
  readonly from?: string;
  readonly to?: string;
  /** What it was trained on, as the training options name it. */
  readonly data?: { readonly data: string; readonly usage?: 'training' | 'all'; readonly seed?: number };
}

/** The entries that training writes; `size` and `channels` say what images the generator knows. */
export function generatorMetadata(run: {
  readonly from: string;
  readonly to: string;
  readonly step: number;
  /** Every option of the run. */
  readonly config: { readonly size: number; readonly channels: number; readonly data: string };
}): Record<string, string> {
  const { from, to, step, config } = run;
  const { size, channels } = config;
  return {
    ...{ from, to, size: String(size), channels: String(channels), step: String(step) },
    config: JSON.stringify(config),
  };
}

const dataSchema = z.object({
  data: z.string().min(1),
  usage: z.enum(['training', 'all']).optional(),
  seed: z.number().optional(),
});

/** Reads them back; what is missing, or is not what training writes, is left out. */
export function readGeneratorMetadata(metadata: Readonly<Record<string, string>>): GeneratorMetadata {
  const { from, to, config } = metadata;
  let data;
  try {
    data = dataSchema.parse(JSON.parse(config ?? ''));
  } catch {
    data = undefined;
  }
  return { ...(from && { from }), ...(to && { to }), ...(data && { data }) };
}
