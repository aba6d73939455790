import { backend_util, type TensorInfo } from '@tensorflow/tfjs-core';
import { nativeKernel } from '../kernel.js';
import type { NativeBackend } from '../native-backend.js';
import { castTo } from './create.js';

const arithmetic = [
  ...['Add', 'Sub', 'Multiply', 'RealDiv', 'FloorDiv', 'Maximum', 'Minimum', 'SquaredDifference', 'Pow', 'Mod'],
  ...['Atan2', 'BitwiseAnd'],
];
const comparisons = [
  ...['Equal', 'NotEqual', 'Less', 'LessEqual', 'Greater', 'GreaterEqual', 'LogicalAnd', 'LogicalOr', 'LogicalXor'],
];

type Binary = { a: TensorInfo; b: TensorInfo };
type Numeric = 'float32' | 'int32';

function compute(
  backend: NativeBackend,
  name: string,
  a: TensorInfo,
  b: TensorInfo,
  dtype: Numeric | 'bool',
): TensorInfo {
  const shape = backend_util.assertAndGetBroadcastShape(a.shape, b.shape);
  const y = backend.makeOutput(shape, dtype);
  backend.run(name, [a, b], [y]);
  return y;
}

/** tfjs brings both operands to one dtype before the call; the result has it too. */
const arithmeticKernel = (name: string) =>
  nativeKernel<Binary>(name, ({ inputs: { a, b }, backend }) => {
    const floatOnly = name === 'Atan2';
    if (a.dtype === 'float32' || (a.dtype === 'int32' && !floatOnly)) return compute(backend, name, a, b, a.dtype);
    const through = floatOnly ? 'float32' : 'int32';
    const [wideA, wideB] = [castTo(backend, a, through), castTo(backend, b, through)];
    const wide = compute(backend, name, wideA, wideB, through);
    const result = castTo(backend, wide, a.dtype);
    for (const info of [wideA, wideB, wide]) backend.release(info);
    return result;
  });

const comparisonKernel = (name: string) =>
  nativeKernel<Binary>(name, ({ inputs: { a, b }, backend }) => compute(backend, name, a, b, 'bool'));

const prelu = nativeKernel<{ x: TensorInfo; alpha: TensorInfo }>('Prelu', ({ inputs: { x, alpha }, backend }) => {
  const [floatX, floatAlpha] = [castTo(backend, x, 'float32'), castTo(backend, alpha, 'float32')];
  const y = compute(backend, 'Prelu', floatX, floatAlpha, 'float32');
  backend.release(floatX);
  backend.release(floatAlpha);
  return y;
});

const eluGrad = nativeKernel<{ dy: TensorInfo; y: TensorInfo }>('EluGrad', ({ inputs: { dy, y }, backend }) =>
  compute(backend, 'EluGrad', dy, y, 'float32'),
);

const addN = nativeKernel<TensorInfo[]>('AddN', ({ inputs, backend }) => {
  const dtype = inputs.map((x) => x.dtype).reduce((x, y) => backend_util.upcastType(x, y)) as Numeric;
  const terms = inputs.map((x) => castTo(backend, x, dtype));
  const y = backend.makeOutput(inputs[0]!.shape, dtype);
  backend.run('AddN', terms, [y]);
  terms.forEach((x) => backend.release(x));
  return y;
});

export const binaryKernels = [
  ...arithmetic.map(arithmeticKernel),
  ...comparisons.map(comparisonKernel),
  prelu,
  eluGrad,
  addN,
];
