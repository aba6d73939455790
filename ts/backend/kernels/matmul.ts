import { backend_util, util, type TensorInfo } from '@tensorflow/tfjs-core';
import { nativeKernel } from '../kernel.js';
import type { NativeBackend } from '../native-backend.js';
import { castTo } from './create.js';
import { runFused, type Fused } from './epilogue.js';

interface MatMulAttrs {
  transposeA: boolean;
  transposeB: boolean;
}

/** The product's shape: stacks of matrices broadcast. */
function resultShape(a: TensorInfo, b: TensorInfo, { transposeA, transposeB }: MatMulAttrs): number[] {
  const [m, innerA] = transposeA ? a.shape.slice(-2).reverse() : a.shape.slice(-2);
  const [innerB, n] = transposeB ? b.shape.slice(-2).reverse() : b.shape.slice(-2);
  util.assert(
    innerA === innerB,
    () =>
      `Error in matMul: inner shapes (${innerA}) and (${innerB}) of Tensors with shapes ${String(a.shape)} and ` +
      `${String(b.shape)} and transposeA=${transposeA} and transposeB=${transposeB} must match.`,
  );
  return [...backend_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2)), m!, n!];
}

/** Tensors in another dtype; `release` gives back what that took. */
function cast(backend: NativeBackend, dtype: 'float32' | 'int32', ...inputs: (TensorInfo | undefined)[]) {
  const all = inputs.map((x) => x && castTo(backend, x, dtype));
  return { all, release: () => all.forEach((x) => x && backend.release(x)) };
}

const flags = ({ transposeA, transposeB }: MatMulAttrs): number[] => [transposeA ? 1 : 0, transposeB ? 1 : 0];

const batchMatMul = nativeKernel<{ a: TensorInfo; b: TensorInfo }, MatMulAttrs>(
  'BatchMatMul',
  ({ inputs: { a, b }, attrs, backend }) => {
    const dtype = a.dtype === 'int32' ? 'int32' : 'float32';
    const { all, release } = cast(backend, dtype, a, b);
    const y = backend.makeOutput(resultShape(a, b, attrs), dtype);
    backend.run('BatchMatMul', [all[0]!, all[1]!], [y], flags(attrs));
    release();
    return y;
  },
);

type FusedMatMulInputs = { a: TensorInfo; b: TensorInfo } & Pick<Fused, 'bias' | 'preluActivationWeights'>;
type FusedMatMulAttrs = MatMulAttrs & Pick<Fused, 'activation' | 'leakyreluAlpha'>;

const fusedMatMul = nativeKernel<FusedMatMulInputs, FusedMatMulAttrs>('_FusedMatMul', ({ inputs, attrs, backend }) => {
  const { a, b, bias, preluActivationWeights: slopes } = inputs;
  const { all, release } = cast(backend, 'float32', a, b, bias, slopes);
  const y = backend.makeOutput(resultShape(a, b, attrs), 'float32');
  const done = runFused(backend, '_FusedMatMul', [all[0]!, all[1]!], y, flags(attrs), {
    bias: all[2],
    preluActivationWeights: all[3],
    activation: attrs.activation,
    leakyreluAlpha: attrs.leakyreluAlpha,
  });
  release();
  return done;
});

export const matmulKernels = [batchMatMul, fusedMatMul];
