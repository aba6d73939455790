import * as tf from '@tensorflow/tfjs-core';
import { UserError } from '../base/errors.js';
import type { HostParams, Network, Params, ParamSpec } from './network.js';

/**
 * Picks a network's weights out of a file's, in the network's order.
 * @param file named in errors
 * @param extras whether the file may hold more: deeper layers, a classifier's head
 * @throws UserError naming what is missing, left over, or of another shape
 */
export function checkParams(
  network: Pick<Network<unknown>, 'name' | 'params'>,
  params: HostParams,
  file: string,
  extras: 'refuse' | 'ignore' = 'refuse',
): HostParams {
  const misfit = (why: string) => new UserError(`${file} does not fit the network ${network.name}: ${why}.`);
  const known = new Set(network.params.map(({ name }) => name));
  const extra = Object.keys(params).find((name) => !known.has(name));
  if (extra !== undefined && extras === 'refuse') throw misfit(`it holds ${extra}, which the network has not`);
  return Object.fromEntries(network.params.map((spec) => [spec.name, pickParam(spec, params, misfit)]));
}

function pickParam(
  { name, shape }: ParamSpec,
  params: HostParams,
  misfit: (why: string) => UserError,
): HostParams[string] {
  const found = Object.hasOwn(params, name) ? params[name] : undefined;
  if (!found) throw misfit(`it holds no ${name}`);
  if (found.shape.join() !== shape.join())
    throw misfit(`${name} has shape [${found.shape.join(', ')}], expected [${shape.join(', ')}]`);
  return found;
}

/** Weights to the current engine. The caller disposes them (`tf.dispose(params)`). */
export function uploadParams(host: HostParams): Params {
  return Object.fromEntries(
    Object.entries(host).map(([name, { shape, values }]) => [name, tf.tensor(values, [...shape], 'float32')]),
  );
}

/** Weights to the host. */
export async function downloadParams(params: Params): Promise<HostParams> {
  const entries = Object.entries(params).map(
    async ([name, tensor]) => [name, { shape: tensor.shape, values: (await tensor.data()) as Float32Array }] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}
