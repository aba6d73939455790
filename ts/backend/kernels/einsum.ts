import { backend_util, util, type TensorInfo } from '@tensorflow/tfjs-core';
import { nativeKernel } from '../kernel.js';

/** Along tfjs's own plan: transposed factors are multiplied, and each summed dimension goes as soon as it can. */
const einsum = nativeKernel<TensorInfo[], { equation: string }>(
  'Einsum',
  ({ inputs: tensors, attrs: { equation }, backend }) => {
    const { allDims, summedDims, idDims } = backend_util.decodeEinsumEquation(equation, tensors.length);
    backend_util.checkEinsumDimSizes(allDims.length, idDims, tensors as never);
    const { path, steps } = backend_util.getEinsumComputePath(summedDims, idDims);
    const numeric = tensors[0]!.dtype === 'int32' ? 'int32' : 'float32';
    let left = allDims.length;
    let result: TensorInfo | undefined;
    const replace = (next: TensorInfo): void => {
      if (result) backend.release(result);
      result = next;
    };
    steps.forEach((terms, step) => {
      for (const term of terms) {
        const { permutationIndices: perm, expandDims } = backend_util.getEinsumPermutation(left, idDims[term]!);
        let x = tensors[term]!;
        if (backend_util.isIdentityPermutation(perm)) {
          x = backend.alias(x, x.shape);
        } else {
          const moved = backend.makeOutput(
            perm.map((axis) => x.shape[axis]!),
            numeric,
          );
          backend.run('Transpose', [x], [moved], perm);
          x = moved;
        }
        const shape = x.shape.slice();
        for (const dim of expandDims) shape.splice(dim, 0, 1);
        x = { ...x, shape };
        if (!result) {
          result = x;
          continue;
        }
        const product = backend.makeOutput(backend_util.assertAndGetBroadcastShape(shape, result.shape), numeric);
        backend.run('Multiply', [x, result], [product]);
        backend.release(x);
        replace(product);
      }
      if (step === steps.length - 1) return;
      if (path[step]! >= 0) {
        const axis = path[step]! - (allDims.length - left);
        const sum = backend.makeOutput(result!.shape.toSpliced(axis, 1), numeric);
        backend.run('Sum', [result!], [sum], [axis]);
        replace(sum);
      }
      left--;
    });
    util.assert(result !== undefined, () => 'einsum needs at least one tensor');
    return result!;
  },
);

export const einsumKernels = [einsum];
