import protobuf from 'protobufjs/light.js';

/** The part of onnx.proto that this project writes and reads; field numbers as in ONNX's own file. */
const messages = {
  ModelProto: {
    irVersion: ['int64', 1],
    producerName: ['string', 2],
    producerVersion: ['string', 3],
    graph: ['GraphProto', 7],
    opsetImport: ['OperatorSetIdProto', 8, 'repeated'],
    metadataProps: ['StringStringEntryProto', 14, 'repeated'],
  },
  /** Without a domain: ONNX's own operators. */
  OperatorSetIdProto: { version: ['int64', 2] },
  StringStringEntryProto: { key: ['string', 1], value: ['string', 2] },
  GraphProto: {
    node: ['NodeProto', 1, 'repeated'],
    name: ['string', 2],
    initializer: ['TensorProto', 5, 'repeated'],
    input: ['ValueInfoProto', 11, 'repeated'],
    output: ['ValueInfoProto', 12, 'repeated'],
  },
  NodeProto: {
    input: ['string', 1, 'repeated'],
    output: ['string', 2, 'repeated'],
    name: ['string', 3],
    opType: ['string', 4],
    attribute: ['AttributeProto', 5, 'repeated'],
    domain: ['string', 7],
  },
  AttributeProto: {
    name: ['string', 1],
    f: ['float', 2],
    i: ['int64', 3],
    s: ['bytes', 4],
    t: ['TensorProto', 5],
    floats: ['float', 7, 'repeated'],
    ints: ['int64', 8, 'repeated'],
    type: ['int32', 20],
  },
  TensorProto: {
    dims: ['int64', 1, 'repeated'],
    dataType: ['int32', 2],
    floatData: ['float', 4, 'repeated'],
    int32Data: ['int32', 5, 'repeated'],
    int64Data: ['int64', 7, 'repeated'],
    name: ['string', 8],
    rawData: ['bytes', 9],
    dataLocation: ['int32', 14],
  },
  ValueInfoProto: { name: ['string', 1], type: ['TypeProto', 2] },
  TypeProto: { tensorType: ['TensorTypeProto', 1] },
  TensorTypeProto: { elemType: ['int32', 1], shape: ['TensorShapeProto', 2] },
  TensorShapeProto: { dim: ['DimensionProto', 1, 'repeated'] },
  DimensionProto: { dimValue: ['int64', 1], dimParam: ['string', 2] },
} as const satisfies Record<string, Record<string, readonly [type: string, id: number, rule?: 'repeated']>>;

/** AttributeProto.AttributeType */
export const attributeTypes = { FLOAT: 1, INT: 2, STRING: 3, INTS: 7 } as const;

/** TensorProto.DataType */
export const dataTypes = { FLOAT: 1, INT32: 6, INT64: 7, BOOL: 9, FLOAT16: 10 } as const;

export interface Attribute {
  name: string;
  type: number;
  f?: number;
  i?: number;
  s?: Uint8Array;
  t?: TensorProto;
  floats?: readonly number[];
  ints?: readonly number[];
}

export interface Node {
  name: string;
  opType: string;
  input: readonly string[];
  output: readonly string[];
  attribute: readonly Attribute[];
  /** Of operators that are not ONNX's own. */
  domain?: string;
}

export interface TensorProto {
  name: string;
  dims: readonly number[];
  dataType: number;
  /** Little-endian. */
  rawData?: Uint8Array;
  /** The values in place of `rawData`, by type; halves as bits among the int32. */
  floatData?: readonly number[];
  int32Data?: readonly number[];
  int64Data?: readonly number[];
  /** 1: the values are in another file. */
  dataLocation?: number;
}

export interface Dimension {
  dimValue?: number;
  dimParam?: string;
}

export interface ValueInfo {
  name: string;
  type?: { tensorType?: { elemType: number; shape?: { dim: readonly Dimension[] } } };
}

export interface Graph {
  name: string;
  node: readonly Node[];
  initializer: readonly TensorProto[];
  input: readonly ValueInfo[];
  output: readonly ValueInfo[];
}

export interface Model {
  irVersion: number;
  producerName: string;
  producerVersion: string;
  graph?: Graph;
  opsetImport: readonly { version: number }[];
  metadataProps: readonly { key: string; value: string }[];
}

const modelType = protobuf.Root.fromJSON({
  // Fields tell "absent" from "zero", which ONNX's checker wants of attributes (protobufjs's types lack this).
  edition: 'proto2',
  nested: {
    onnx: {
      nested: Object.fromEntries(
        Object.entries(messages).map(([name, fields]) => [
          name,
          {
            fields: Object.fromEntries(
              Object.entries(fields).map(([field, [type, id, rule]]: [string, readonly [string, number, string?]]) => [
                field,
                { type, id, rule },
              ]),
            ),
          },
        ]),
      ),
    },
  },
} as protobuf.INamespace).lookupType('onnx.ModelProto');

export function encodeModel(model: Model): Uint8Array {
  return modelType.encode(modelType.fromObject(model)).finish();
}

/**
 * A model's bytes with one more output. Protobuf merges messages that are written one after the
 * other, so all else, known to {@link messages} or not, stays as it is.
 * @param name of a value of the graph
 */
export function withOutput(bytes: Uint8Array, name: string): Uint8Array {
  const more = modelType.encode(modelType.fromObject({ graph: { output: [{ name }] } })).finish();
  return Buffer.concat([bytes, more]);
}

/**
 * Reads the parts of a model that {@link messages} names; others are passed over.
 * @throws Error for bytes that are no protobuf message, or a part of one
 */
export function decodeModel(bytes: Uint8Array): Model {
  return modelType.toObject(modelType.decode(bytes), { longs: Number, arrays: true }) as Model;
}
