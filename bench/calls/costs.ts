import type { Call, Operand } from '../../ts/backend/capture/recorder.js';

/** What a kernel call must do at the least. */
export interface Cost {
  /** Of products and sums that tensor cores can do. */
  readonly matrixFlops: number;
  /** Of all other arithmetic, roughly: it is never what counts. */
  readonly otherFlops: number;
  /** Read and written, every pass over a tensor counted as if nothing of it were in a cache. */
  readonly bytes: number;
}

const float = Float32Array.BYTES_PER_ELEMENT;
const sizeOf = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);
const floats = (operands: readonly Operand[]): number => operands.reduce((sum, { dims }) => sum + sizeOf(dims), 0);

const cost = (numbers: number, matrixFlops = 0, otherFlops = 0): Cost => ({
  ...{ matrixFlops, otherFlops },
  bytes: numbers * float,
});

const sum = (costs: readonly Cost[]): Cost => ({
  matrixFlops: costs.reduce((all, { matrixFlops }) => all + matrixFlops, 0),
  otherFlops: costs.reduce((all, { otherFlops }) => all + otherFlops, 0),
  bytes: costs.reduce((all, { bytes }) => all + bytes, 0),
});

/** Reads and writes each tensor once. */
const onePass = ({ inputs, outputs }: Call): Cost =>
  cost(floats(inputs) + floats(outputs), 0, Math.max(floats(inputs), floats(outputs)));

/** A product and a sum for each weight and each pixel of what a convolution gives, or its gradient takes. */
const convolution = (pixels: number, filter: readonly number[]): number => 2 * pixels * sizeOf(filter);

const pixelsOf = ({ dims }: Operand): number => sizeOf(dims.slice(0, -1));

/** Statistics are a pass of their own over the same tensors. */
const twoPasses = ({ inputs, outputs }: Call): Cost =>
  cost(2 * floats(inputs) + floats(outputs), 0, 8 * floats(outputs));

/** Convolutions of a dense block: filters' dims, and pixels of the images. */
function denseBlock({ kernel, inputs, attrs }: Call) {
  const convs = attrs[0]!;
  const first = kernel === 'ResidualDenseBlock' ? 1 : inputs.length - convs;
  return {
    filters: inputs.slice(first, first + convs).map(({ dims }) => dims),
    normed: attrs[2] !== 0,
    pixels: pixelsOf(inputs[0]!),
    width: inputs[0]!.dims.at(-1)!,
  };
}

function denseBlockForward(call: Call): Cost {
  const { filters, normed, pixels, width } = denseBlock(call);
  return sum([
    // x into the buffer of all results, and the sum at the end.
    cost(pixels * 5 * width),
    ...filters.map((filter) => {
      const [, , inputs, outputs] = filter as [number, number, number, number];
      const norm = normed ? 3 * outputs : 0;
      return cost(pixels * (inputs + outputs + norm) + sizeOf(filter), convolution(pixels, filter), pixels * norm);
    }),
  ]);
}

function denseBlockGrad(call: Call): Cost {
  const { filters, normed, pixels, width } = denseBlock(call);
  return sum([
    cost(pixels * 3 * width),
    ...filters.flatMap((filter) => {
      const [, , inputs, outputs] = filter as [number, number, number, number];
      const norm = normed ? 5 * outputs : 0;
      return [
        // By the input, added to what later convolutions gave; by the filter; the norm's.
        cost(pixels * (outputs + 2 * inputs) + sizeOf(filter), convolution(pixels, filter)),
        cost(pixels * (outputs + inputs) + sizeOf(filter), convolution(pixels, filter)),
        cost(pixels * norm, 0, 2 * pixels * norm),
      ];
    }),
  ]);
}

/** Convolutions of the feature network, with the pixels of their results. */
function featureConvs({ kernel, inputs, outputs, attrs }: Call) {
  const [convs, taps, cached] = attrs as [number, number, number];
  const forward = kernel === 'PerceptualLoss';
  const [n, h, w] = (forward ? inputs[0]! : outputs[0]!).dims as [number, number, number];
  const images = forward && !cached ? 2 * n : n;
  const firstFilter = forward ? 1 + (cached ? taps : 1) : 1;
  let halvings = 0;
  return Array.from({ length: convs }, (_, i) => {
    const pooled = attrs[3 + i] !== 0;
    if (pooled) halvings++;
    const filter = inputs[firstFilter + (forward ? 2 * i : i)]!.dims;
    return { filter, pooled, pixels: images * Math.floor(h / 2 ** halvings) * Math.floor(w / 2 ** halvings) };
  });
}

const features = (call: Call): Cost =>
  sum(
    featureConvs(call).map(({ filter, pooled, pixels }) => {
      const [, , inputs, outputs] = filter as [number, number, number, number];
      // A pool reads four numbers and writes one; backward it reads the relu's result, too.
      const pool = pooled ? 5 * inputs : 0;
      return cost(pixels * (inputs + outputs + pool) + sizeOf(filter), convolution(pixels, filter), pixels * pool);
    }),
  );

/** Gradients and moments are read, weights and moments written. */
const adam = ({ inputs, outputs }: Call): Cost => cost(floats(inputs) + floats(outputs), 0, 5 * floats(outputs));

const costs: Readonly<Record<string, (call: Call) => Cost>> = {
  Conv2D: convCost,
  FusedConv2D: convCost,
  Conv2DBackpropInput: gradientCost,
  Conv2DBackpropFilter: ({ inputs, outputs }) =>
    cost(floats(inputs) + floats(outputs), convolution(pixelsOf(inputs[1]!), outputs[0]!.dims)),
  ResidualDenseBlock: denseBlockForward,
  ResidualDenseBlockGrad: denseBlockGrad,
  PerceptualLoss: features,
  PerceptualLossGrad: features,
  InstanceNorm: twoPasses,
  InstanceNormGrad: twoPasses,
  AdamUpdate: adam,
};

function convCost({ inputs, outputs }: Call): Cost {
  return cost(floats(inputs) + floats(outputs), convolution(pixelsOf(outputs[0]!), inputs[1]!.dims));
}

function gradientCost({ inputs, outputs }: Call): Cost {
  return cost(floats(inputs) + floats(outputs), convolution(pixelsOf(inputs[0]!), inputs[1]!.dims));
}

/** What a call costs, from its shapes alone; a kernel that is not known reads and writes its tensors once. */
export const costOf = (call: Call): Cost => (costs[call.kernel] ?? onePass)(call);

/** Launches of a call that its others do not wait for: a dense block's gradients by its filters. */
export const launchesAside = (call: Call): number =>
  call.kernel === 'ResidualDenseBlockGrad' ? denseBlock(call).filters.length : 0;
