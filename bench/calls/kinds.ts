import type { Call } from '../../ts/backend/capture/recorder.js';

const kernelsOf: readonly (readonly [title: string, kernels: readonly string[]])[] = [
  ['dense blocks, forward', ['ResidualDenseBlock']],
  ['dense blocks, backward', ['ResidualDenseBlockGrad']],
  ['convolutions, forward', ['Conv2D', 'FusedConv2D']],
  ['convolutions, by input', ['Conv2DBackpropInput']],
  ['convolutions, by filter', ['Conv2DBackpropFilter']],
  ['perceptual loss, forward', ['PerceptualLoss']],
  ['perceptual loss, backward', ['PerceptualLossGrad']],
  ['instance norms, both ways', ['InstanceNorm', 'InstanceNormGrad']],
  ['Adam', ['AdamUpdate']],
];
const others = 'all else: element by element, sums, copies';

/** Titles of all kinds of calls, in the order of tables. */
export const kinds: readonly string[] = [...kernelsOf.map(([title]) => title), others];

/** The title of a kernel's kind. */
export const kindOf = (kernel: string): string =>
  kernelsOf.find(([, kernels]) => kernels.includes(kernel))?.[0] ?? others;

/** Calls of the same kernel on the same shapes are the same work. */
export function groupsOf(calls: readonly Call[]): Call[][] {
  const groups = new Map<string, Call[]>();
  for (const call of calls) {
    const shapes = [...call.inputs, ...call.outputs].map(({ dims, dtype }) => `${dtype}[${dims.join()}]`);
    const key = `${call.kernel} ${shapes.join(' ')} ${call.attrs.join()}`;
    const group = groups.get(key);
    if (group) group.push(call);
    else groups.set(key, [call]);
  }
  return [...groups.values()];
}
