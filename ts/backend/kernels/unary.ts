import type { TensorInfo } from '@tensorflow/tfjs-core';
import { nativeKernel, sharedKernel } from '../kernel.js';
import { castTo } from './create.js';

/** Exact on int32 as well. */
const onNumbers = ['Relu', 'Relu6', 'Neg', 'Abs', 'Sign', 'Square'];

/** Integers are their own result. */
const rounding = ['Floor', 'Ceil', 'Round'];

/** Computed in float32; the result has the input's dtype, as in tfjs's cpu backend. */
const onFloats = [
  ...['LeakyRelu', 'Step', 'ClipByValue', 'Reciprocal', 'Elu', 'Selu', 'Expm1', 'Log', 'Log1p', 'Tanh', 'Sigmoid'],
  ...['Softplus', 'Sqrt', 'Rsqrt', 'Erf', 'Sin', 'Cos', 'Tan', 'Asin', 'Acos', 'Atan', 'Sinh', 'Cosh', 'Asinh'],
  ...['Acosh', 'Atanh'],
];

/** Names of the numeric attributes that a native kernel takes, in its order. */
const attributes: Record<string, readonly string[]> = {
  LeakyRelu: ['alpha'],
  Step: ['alpha'],
  ClipByValue: ['clipValueMin', 'clipValueMax'],
};

type Unary = { x: TensorInfo };

function numeric(name: string) {
  const attrNames = attributes[name] ?? [];
  return sharedKernel<Unary, Record<string, number>>(name, ({ inputs: { x }, attrs, backend }) => {
    const direct = x.dtype === 'float32' || (x.dtype === 'int32' && onNumbers.includes(name));
    if (!direct && x.dtype === 'int32' && rounding.includes(name)) return backend.retain(x);
    const input = direct ? x : castTo(backend, x, 'float32');
    const y = backend.makeOutput(x.shape, input.dtype as 'float32' | 'int32');
    backend.run(
      name,
      [input],
      [y],
      attrNames.map((attr) => attrs[attr]!),
    );
    if (direct) return y;
    backend.release(input);
    if (name === 'Exp' || name === 'LeakyRelu') return y; // float32 whatever comes in, as in tfjs
    const result = castTo(backend, y, x.dtype);
    backend.release(y);
    return result;
  });
}

const test = (name: string) =>
  nativeKernel<Unary>(name, ({ inputs: { x }, backend }) => {
    const input = castTo(backend, x, 'float32');
    const y = backend.makeOutput(x.shape, 'bool');
    backend.run(name, [input], [y]);
    backend.release(input);
    return y;
  });

const logicalNot = nativeKernel<Unary>('LogicalNot', ({ inputs: { x }, backend }) => {
  const y = backend.makeOutput(x.shape, 'bool');
  backend.run('LogicalNot', [x], [y]);
  return y;
});

export const numericKernels = [...onNumbers, ...rounding, ...onFloats, 'Exp'].map(numeric);

export const unaryKernels = [...numericKernels, ...['IsNan', 'IsInf', 'IsFinite'].map(test), logicalNot];
