import type { Call, Operand } from './recorder.js';

/** Kernels that read element i of their operands last when they write element i of the result. */
const elementwise = new Set([
  ...['Relu', 'Relu6', 'Neg', 'Abs', 'Sign', 'Square', 'LeakyRelu', 'Step', 'ClipByValue', 'Reciprocal', 'Elu'],
  ...['Tanh', 'Sigmoid', 'Softplus', 'Sqrt', 'Rsqrt', 'Exp', 'Log'],
  ...['Add', 'Sub', 'Multiply', 'RealDiv', 'Maximum', 'Minimum', 'SquaredDifference', 'Pow'],
  'ElementwiseChain',
]);

/** Positions of the inputs whose memory a call's output may take, if nobody reads them later. */
export function inPlaceInputs({ kernel, inputs, outputs }: Call, output: number): number[] {
  if (kernel === 'AdamUpdate') {
    // scalars; params, gradients, m, v, ... -> params, m, v (ts/ops/adam.ts)
    const n = outputs.length / 3;
    const list = [0, 2, 3][Math.floor(output / n)]!;
    return [1 + list * n + (output % n)];
  }
  if (kernel === 'AddN') return [0]; // the others are added to it one by one
  if (!elementwise.has(kernel)) return [];
  const result = outputs[output]!;
  return inputs.flatMap((input, i) =>
    input.dtype === result.dtype && elementsOf(input) === elementsOf(result) ? [i] : [],
  );
}

/** The number of a tensor's elements. */
export const elementsOf = ({ dims }: Operand): number => dims.reduce((x, y) => x * y, 1);
