import type { EngineName } from '../backend/engine.js';

/** What runs a generator: an engine of tfjs's, or onnxruntime. */
export type SessionEngine = EngineName | 'onnxruntime';

/** What the main thread asks of the session's thread. */
export type AnyWork =
  | {
      kind: 'open';
      engine: SessionEngine;
      model: Uint8Array;
      provider: 'auto' | 'cuda' | 'cpu';
      threads: number | undefined;
      /** Shared: 1 when runs that have not begun need not be done. */
      closing: Int32Array;
    }
  | { kind: 'run'; images: Float32Array; shape: readonly number[]; input: string; output: string }
  | { kind: 'close' };

export type Work<Kind extends AnyWork['kind']> = Extract<AnyWork, { kind: Kind }>;

export interface Request {
  readonly id: number;
  readonly work: AnyWork;
}

export interface Opened {
  readonly provider: 'cuda' | 'cpu';
  /** Why a provider that was asked for is not there. */
  readonly missing?: string | undefined;
}

/** What a network makes of a batch. */
export interface Made {
  readonly values: Float32Array;
  readonly shape: readonly number[];
}

export type Reply =
  | { readonly id: number; readonly opened: Opened }
  | ({ readonly id: number } & Made)
  | { readonly id: number; readonly error: string };
