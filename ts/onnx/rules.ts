import * as tf from '@tensorflow/tfjs-core';
import type { NamedAttrMap, TensorInfo } from '@tensorflow/tfjs-core';
import type { KernelInputs } from '../backend/host-kernel.js';
import { foldableKernels, foldConstants } from './fold.js';
import type { Rules } from './rules/rule.js';
import { convRules } from './rules/conv.js';
import { elementwiseRules } from './rules/elementwise.js';
import { matmulRules } from './rules/matmul.js';
import { movementRules } from './rules/movement.js';
import { normRules } from './rules/norm.js';
import { poolRules } from './rules/pool.js';
import { reductionRules } from './rules/reduction.js';
import { traceBackendName, type TraceBackend } from './trace-backend.js';

/** How each tfjs kernel becomes ONNX nodes, one table per family (rules/). */
export const rules: Rules = {
  ...convRules,
  ...elementwiseRules,
  ...matmulRules,
  ...movementRules,
  ...normRules,
  ...poolRules,
  ...reductionRules,
};

let registered = false;

/**
 * Registers the kernels of the trace backend, once: each kernel that has a rule or that tfjs's cpu
 * backend has. Calls on constants alone are computed; the others need a rule.
 */
export function registerTraceKernels(): void {
  if (registered) return;
  registered = true;
  for (const kernelName of new Set([...Object.keys(rules), ...foldableKernels()]))
    tf.registerKernel({
      kernelName,
      backendName: traceBackendName,
      kernelFunc: ({ inputs, attrs, backend }) => traceCall(kernelName, inputs, attrs, backend as TraceBackend),
    });
}

function traceCall(
  kernelName: string,
  inputs: KernelInputs,
  attrs: NamedAttrMap | undefined,
  trace: TraceBackend,
): TensorInfo | TensorInfo[] {
  const given = Object.values(inputs as Record<string, TensorInfo | undefined>).filter((input) => input !== undefined);
  if (given.every((input) => trace.constant(input))) return foldConstants(kernelName, inputs, attrs, trace);
  const rule = Object.hasOwn(rules, kernelName) ? rules[kernelName]! : undefined;
  if (!rule) {
    const shapes = given.map(({ shape }) => `[${shape.join(', ')}]`).join(', ');
    throw new Error(`The ONNX export has no rule for tfjs's kernel '${kernelName}' (here on ${shapes}).`);
  }
  return rule({ inputs, attrs: attrs ?? {}, trace });
}
