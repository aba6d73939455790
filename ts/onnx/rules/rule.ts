import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { TraceBackend } from '../trace-backend.js';

/** One kernel call: what tfjs passes, typed by the rule. */
export interface Call<Inputs, Attrs> {
  readonly inputs: Inputs;
  readonly attrs: Attrs;
  readonly trace: TraceBackend;
}

/** Writes a kernel call, at least one of whose inputs is traced, as ONNX nodes. */
export type Rule = (call: Call<unknown, unknown>) => TensorInfo;
export type Rules = Readonly<Record<string, Rule>>;

/** A rule whose author says what tfjs passes to this kernel. */
export function rule<Inputs, Attrs = unknown>(write: (call: Call<Inputs, Attrs>) => TensorInfo): Rule {
  return write as Rule;
}
