import { attributeTypes, dataTypes, type Attribute, type Node } from './proto.js';

export type AttributeValue = string | readonly number[] | { readonly float: number } | { readonly int: number };

export type InitializerValues = Float32Array | Int32Array | Uint8Array | BigInt64Array;

/** An initializer in the making; values are laid out anew only when the file is written. */
export interface Initializer {
  readonly name: string;
  readonly dims: readonly number[];
  readonly dataType: number;
  /** In tfjs's order where `from` is given. */
  readonly values: InitializerValues;
  /** tfjs's shape, and which of its axes each of `dims` is. */
  readonly from?: { readonly shape: readonly number[]; readonly perm: readonly number[] };
}

/** ONNX nodes and initializers in the order in which they were asked for. */
export class GraphBuilder {
  readonly nodes: Node[] = [];
  readonly initializers = new Map<string, Initializer>();

  /** Adds a node with one output; both have the same name. @returns it */
  node(opType: string, inputs: readonly string[], attributes: Readonly<Record<string, AttributeValue>> = {}): string {
    const name = `${opType}_${this.nodes.length}`;
    const attribute = Object.entries(attributes).map(([key, value]) => encodeAttribute(key, value));
    this.nodes.push({ name, opType, input: inputs, output: [name], attribute });
    return name;
  }

  /** Adds an initializer, unless one of this name is there. @returns its name */
  initializer(initializer: Initializer): string {
    if (!this.initializers.has(initializer.name)) this.initializers.set(initializer.name, initializer);
    return initializer.name;
  }

  /** A list of int64: pads, axes, shapes. Equal lists are one initializer. */
  integers(values: readonly number[]): string {
    return this.initializer({
      name: `int64[${values.join()}]`,
      dims: [values.length],
      dataType: dataTypes.INT64,
      values: BigInt64Array.from(values, (value) => (value === Infinity ? 2n ** 63n - 1n : BigInt(value))),
    });
  }

  /** A float32 vector of one value, or a scalar where `length` is undefined. */
  floats(value: number, length?: number): string {
    return this.initializer({
      name: `float[${length === undefined ? '' : `${length} x `}${value}]`,
      dims: length === undefined ? [] : [length],
      dataType: dataTypes.FLOAT,
      values: new Float32Array(length ?? 1).fill(value),
    });
  }
}

function encodeAttribute(name: string, value: AttributeValue): Attribute {
  if (typeof value === 'string') return { name, type: attributeTypes.STRING, s: new TextEncoder().encode(value) };
  if ('float' in value) return { name, type: attributeTypes.FLOAT, f: value.float };
  if ('int' in value) return { name, type: attributeTypes.INT, i: value.int };
  return { name, type: attributeTypes.INTS, ints: value };
}

/** An initializer's values in its own order. */
export function valuesOf({ values, from }: Initializer): InitializerValues {
  return from ? permuted(values, from.shape, from.perm) : values;
}

/** Values of a tensor of this shape with its axes in another order. */
function permuted(values: InitializerValues, shape: readonly number[], perm: readonly number[]): InitializerValues {
  const result = values.slice();
  const steps = perm.map((axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const last = perm.length - 1;
  let at = 0;
  const walk = (axis: number, start: number) => {
    const size = shape[perm[axis]!]!;
    for (let i = 0, from = start; i < size; i++, from += steps[axis]!)
      if (axis < last) walk(axis + 1, from);
      else result[at++] = values[from]!;
  };
  walk(0, 0);
  return result;
}
