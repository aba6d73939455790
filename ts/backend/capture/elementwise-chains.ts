import { dtypes } from '../dtypes.js';
import { elementsOf } from './in-place.js';
import { readsOf } from './dead-code.js';
import type { Call, Operand } from './recorder.js';

/** Computes an expression of elementwise functions; see native/arguments/elementwise_chain.h. */
export const chainKernel = 'ElementwiseChain';

/** Instructions by number, the first being 1 (0 is an input); must match native/arguments/elementwise_chain.h. */
const functions = [
  ...['Relu', 'Relu6', 'Neg', 'Abs', 'Sign', 'Square', 'LeakyRelu', 'Step', 'ClipByValue', 'Reciprocal'],
  ...['Exp', 'Log', 'Tanh', 'Sigmoid', 'Softplus', 'Sqrt', 'Rsqrt'],
  ...['Add', 'Sub', 'Multiply', 'RealDiv', 'Maximum', 'Minimum', 'SquaredDifference'],
];
const numbers = new Map(functions.map((kernel, i) => [kernel, i + 1]));

/** What a kernel takes at most. */
const most = { inputs: 8, instructions: 24, depth: 4 };

/** Number and two attributes; of an input: 0 and which. */
type Instruction = readonly [number, number, number];

/** In postfix order. */
interface Expression {
  /** Positions of the calls that it stands for; the last one gives its value. */
  readonly calls: readonly number[];
  readonly inputs: readonly Operand[];
  readonly instructions: readonly Instruction[];
  /** Values held at once while it is computed. */
  readonly depth: number;
}

/**
 * Merges elementwise calls of one size whose results only the next of them reads into one call each:
 * what lies between is never written to memory. The bits are those of the single kernels.
 * @param wanted values that are read after the last call
 */
export function withChains(calls: readonly Call[], wanted: Iterable<number>): Call[] {
  const reads = readsOf(calls, wanted);
  const expressions = new Map<number, Expression>(); // by the position of the last call
  const makers = new Map<number, number>(); // of values that may be merged into what reads them
  calls.forEach((call, at) => {
    if (!isElementwise(call)) return;
    const within = (operand: Operand): number | undefined => {
      const maker = makers.get(operand.value);
      return maker !== undefined && reads.get(operand.value) === 1 ? maker : undefined;
    };
    const merged = best(
      choices(call.inputs.map(within)).map((parts) => ({
        parts,
        expression: expressionOf(
          call,
          at,
          parts.map((part) => (part === undefined ? undefined : expressions.get(part)!)),
        ),
      })),
    );
    for (const part of merged.parts) if (part !== undefined) expressions.delete(part);
    expressions.set(at, merged.expression);
    makers.set(call.outputs[0]!.value, at);
  });
  const gone = new Set([...expressions.values()].flatMap((expression) => expression.calls.slice(0, -1)));
  return calls.flatMap((call, at) => {
    if (gone.has(at)) return [];
    const expression = expressions.get(at);
    return expression && expression.calls.length > 1 ? [chainOf(call, expression)] : [call];
  });
}

/** Whether one element of the result depends on one of each input, all float32. */
function isElementwise({ kernel, inputs, outputs }: Call): boolean {
  const size = elementsOf(outputs[0]!);
  return (
    numbers.has(kernel) &&
    outputs[0]!.dtype === dtypes.float32 &&
    inputs.every((input) => input.dtype === dtypes.float32 && [1, size].includes(elementsOf(input)))
  );
}

/** The parts as given, then with fewer and fewer of them. */
const choices = (parts: readonly (number | undefined)[]): (number | undefined)[][] =>
  parts.length === 1
    ? [[parts[0]], [undefined]]
    : [[...parts], [parts[0], undefined], [undefined, parts[1]], [undefined, undefined]];

const best = <T extends { expression: Expression }>(candidates: T[]): T =>
  candidates.find(
    ({ expression: { inputs, instructions, depth } }) =>
      inputs.length <= most.inputs && instructions.length <= most.instructions && depth <= most.depth,
  )!;

function expressionOf(call: Call, at: number, parts: readonly (Expression | undefined)[]): Expression {
  const calls: number[] = [];
  const inputs: Operand[] = [];
  const instructions: Instruction[] = [];
  let depth = 0;
  const position = (operand: Operand): number => {
    const found = inputs.findIndex(({ value }) => value === operand.value);
    return found >= 0 ? found : inputs.push(operand) - 1;
  };
  call.inputs.forEach((operand, i) => {
    const part = parts[i];
    calls.push(...(part?.calls ?? []));
    depth = Math.max(depth, i + (part?.depth ?? 1));
    if (!part) instructions.push([0, position(operand), 0]);
    for (const [number, a, b] of part?.instructions ?? [])
      instructions.push(number === 0 ? [0, position(part!.inputs[a]!), 0] : [number, a, b]);
  });
  instructions.push([numbers.get(call.kernel)!, call.attrs[0] ?? 0, call.attrs[1] ?? 0]);
  return { calls: [...calls, at], inputs, instructions, depth };
}

const chainOf = ({ precision, outputs }: Call, { inputs, instructions }: Expression): Call => ({
  kernel: chainKernel,
  precision,
  inputs,
  outputs,
  attrs: instructions.flat(),
});
