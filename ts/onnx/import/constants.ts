import { UserError } from '../../base/errors.js';
import { fromHalf } from '../../models/half.js';
import { dataTypes, type Graph, type Node, type TensorProto } from '../proto.js';

/** A tensor of an ONNX file: a weight, a scale, a list of pads. */
export interface HostTensor {
  readonly dims: readonly number[];
  /** Integers as int32: what is beyond is cut to the largest. */
  readonly values: Float32Array | Int32Array;
}

/**
 * The tensors of a graph that do not depend on its input, by name: initializers, Constant nodes, and
 * casts and copies of either.
 * @throws UserError naming a tensor that cannot be read
 */
export function constantsOf(graph: Graph): Map<string, HostTensor> {
  const constants = new Map<string, HostTensor>();
  for (const tensor of graph.initializer) constants.set(tensor.name, readTensor(tensor, tensor.name));
  for (const node of graph.node) {
    const value = constantOf(node, constants);
    if (value) constants.set(node.output[0]!, value);
  }
  return constants;
}

function constantOf(node: Node, constants: ReadonlyMap<string, HostTensor>): HostTensor | undefined {
  const attribute = (name: string) => node.attribute.find((one) => one.name === name);
  const input = constants.get(node.input[0] ?? '');
  switch (node.opType) {
    case 'Constant':
      return ofConstantNode(node);
    case 'Identity':
      return input;
    case 'Cast':
      return input && cast(input, attribute('to')?.i);
    default:
      return undefined;
  }
}

function ofConstantNode({ attribute: [value], name }: Node): HostTensor | undefined {
  if (value?.t) return readTensor(value.t, name);
  if (value?.name === 'value_float') return { dims: [], values: Float32Array.of(value.f ?? 0) };
  if (value?.name === 'value_int') return { dims: [], values: Int32Array.of(value.i ?? 0) };
  if (value?.name === 'value_floats') return listOf(Float32Array.from(value.floats ?? []));
  if (value?.name === 'value_ints') return listOf(toInt32(value.ints ?? []));
  return undefined;
}

const listOf = (values: HostTensor['values']): HostTensor => ({ dims: [values.length], values });

function cast({ dims, values }: HostTensor, type: number | undefined): HostTensor | undefined {
  if (type === dataTypes.FLOAT) return { dims, values: Float32Array.from(values) };
  if (type === dataTypes.INT32 || type === dataTypes.INT64) return { dims, values: Int32Array.from(values) };
  return undefined;
}

/** @throws UserError naming it, for a type that no weight has, or values that are elsewhere or missing */
function readTensor(tensor: TensorProto, name: string): HostTensor {
  const dims = tensor.dims.map(Number);
  if (tensor.dataLocation === 1) throw new UserError(`the values of ${name} are in another file`);
  const values = valuesOf(tensor);
  if (!values) throw new UserError(`${name} is a tensor of the type ${tensor.dataType}`);
  if (values.length !== dims.reduce((a, b) => a * b, 1))
    throw new UserError(`${name} holds ${values.length} values, not [${dims.join(', ')}]`);
  return { dims, values };
}

function valuesOf({
  dataType,
  rawData,
  floatData,
  int32Data,
  int64Data,
}: TensorProto): HostTensor['values'] | undefined {
  // A copy: typed arrays want their values aligned.
  const raw = rawData && new Uint8Array(rawData).buffer;
  switch (dataType) {
    case dataTypes.FLOAT:
      return raw ? new Float32Array(raw) : Float32Array.from(floatData ?? []);
    case dataTypes.FLOAT16:
      return fromHalf(raw ?? Uint16Array.from(int32Data ?? []).buffer);
    case dataTypes.INT32:
      return raw ? new Int32Array(raw) : Int32Array.from(int32Data ?? []);
    case dataTypes.INT64:
      return toInt32(raw ? Array.from(new BigInt64Array(raw), Number) : (int64Data ?? []));
    default:
      return undefined;
  }
}

const largest = 0x7fffffff;
const toInt32 = (values: readonly number[]): Int32Array =>
  Int32Array.from(values, (value) => Math.max(-largest, Math.min(largest, value)));
