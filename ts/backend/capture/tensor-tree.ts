import * as tf from '@tensorflow/tfjs-core';
import type { Tensor } from '@tensorflow/tfjs-core';

/** Tensors in arrays and plain objects, of any depth; what is undefined is passed over. */
export type TensorTree = object;

/** The same structure with something else in each tensor's place, visited in the order of the keys. */
export function mapTensors<Tree extends TensorTree>(
  tree: Tree,
  change: (tensor: Tensor, path: string) => unknown,
): Tree {
  const visit = (node: unknown, path: string): unknown => {
    if (node === undefined) return undefined;
    if (node instanceof tf.Tensor) return change(node as Tensor, path);
    if (Array.isArray(node)) return node.map((child, i) => visit(child, `${path}/${i}`));
    if (typeof node === 'object' && node !== null)
      return Object.fromEntries(
        Object.entries(node)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([key, child]) => [key, visit(child, `${path}/${key}`)]),
      );
    throw new Error(`Expected only tensors, but ${path.slice(1)} is a ${typeof node}.`);
  };
  return visit(tree, '') as Tree;
}

/** All tensors of a structure, in the order of {@link mapTensors}. */
export function tensorsOf(tree: TensorTree): Tensor[] {
  const tensors: Tensor[] = [];
  mapTensors(tree, (tensor) => tensors.push(tensor));
  return tensors;
}

/** What two structures share whose tensors have the same places, shapes and dtypes. */
export function signatureOf(tree: TensorTree): string {
  const parts: string[] = [];
  mapTensors(tree, ({ shape, dtype }, path) => parts.push(`${path}:${dtype}[${shape.join()}]`));
  return parts.join(' ');
}
