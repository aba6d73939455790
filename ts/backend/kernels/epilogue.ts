import type { backend_util } from '@tensorflow/tfjs-core';
import { type TensorInfo } from '@tensorflow/tfjs-core';
import type { KernelHost } from '../kernel.js';

/** Must match `Activation` in native/arguments/epilogue.h. */
const activations = ['linear', 'relu', 'relu6', 'elu', 'leakyrelu', 'prelu', 'sigmoid'] as const;

/** tfjs's names -> kernels of one tensor. */
const kernels: Record<string, string> = {
  relu: 'Relu',
  relu6: 'Relu6',
  elu: 'Elu',
  leakyrelu: 'LeakyRelu',
  sigmoid: 'Sigmoid',
};

/** What tfjs's fused kernels do to a product. */
export interface Fused {
  bias?: TensorInfo;
  preluActivationWeights?: TensorInfo;
  activation?: backend_util.Activation;
  leakyreluAlpha?: number;
}

/**
 * Runs a native kernel that takes an epilogue (native/arguments/epilogue.h). A bias or slopes that
 * are not one value per channel, which tfjs allows, are applied by kernels of their own.
 */
export function runFused(
  backend: KernelHost,
  kernel: string,
  inputs: TensorInfo[],
  y: TensorInfo,
  attrs: number[],
  { bias, preluActivationWeights: slopes, activation = 'linear', leakyreluAlpha = 0.2 }: Fused,
): TensorInfo {
  const number = activations.indexOf(activation);
  if (number < 0) throw new Error(`The native backend has no fused activation '${activation}'.`);
  const channels = y.shape[y.shape.length - 1]!;
  const fits = (info: TensorInfo | undefined): boolean =>
    !info || info.shape.every((n, i) => n === 1 || (i === info.shape.length - 1 && n === channels));
  const prelu = activation === 'prelu' ? slopes : undefined;
  if (fits(bias) && fits(prelu)) {
    const extras = [bias, prelu].filter((info) => info !== undefined);
    backend.run(kernel, [...inputs, ...extras], [y], [...attrs, number, leakyreluAlpha, bias ? 1 : 0, prelu ? 1 : 0]);
    return y;
  }
  backend.run(kernel, inputs, [y], [...attrs, 0, 0, 0, 0]);
  let result = y;
  const then = (name: string, others: TensorInfo[], numbers: number[]): void => {
    const next = backend.makeOutput(y.shape, 'float32');
    backend.run(name, [result, ...others], [next], numbers);
    backend.release(result);
    result = next;
  };
  if (bias) then('Add', [bias], []);
  if (prelu) then('Prelu', [prelu], []);
  else if (activation !== 'linear') then(kernels[activation]!, [], activation === 'leakyrelu' ? [leakyreluAlpha] : []);
  return result;
}
