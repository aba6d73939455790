import { Float16Array } from '@petamoriken/float16';
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import { readFile } from 'node:fs/promises';
import { UserError } from '../base/errors.js';
import { checkParams, uploadParams } from '../models/host-params.js';
import type { HostParams, Network } from '../models/network.js';
import { valuesOf, type Initializer } from './graph.js';
import { attributeTypes, dataTypes, encodeModel, type Graph, type Node, type TensorProto } from './proto.js';
import { registerTraceKernels } from './rules.js';
import { traceBackendName, TraceBackend } from './trace-backend.js';

/** Runs in onnxruntime 1.14 and later; its IR version is that of ONNX 1.13, which brought it. */
const opset = 18;
const irVersion = 8;

/**
 * [n, h, w] of the two traces. All differ, so that what goes by them shows; multiples of 4, since
 * generators want that, and the second not of 8, so that pads which depend on it show too.
 */
const traceSizes = [
  [2, 64, 96],
  [3, 100, 140],
] as const;

export interface ExportOptions {
  channels: 1 | 3;
  /** Weights are stored as float16 and cast to float32 when the file is loaded; inputs and outputs stay float32. */
  half?: boolean;
  /** Goes into the file's metadata_props, after `network` and `channels`. */
  metadata?: Record<string, string>;
}

interface Trace {
  readonly nodes: readonly Node[];
  readonly initializers: ReadonlyMap<string, Initializer>;
  readonly input: readonly number[];
  /** Name and shape in ONNX's order. */
  readonly outputs: readonly { name: string; shape: readonly number[] }[];
}

/**
 * Writes a network's forward pass as an ONNX model, by tracing `apply`: the graph is NCHW float32
 * throughout, input `input` [n, channels, h, w], output `output` (`output_0`, ... of a network with
 * several), with n, h and w left open. The same network and weights give the same bytes.
 * @throws Error naming the tfjs kernel that has no rule, or what would hold for one image size only
 */
export async function exportOnnx(
  network: Network<Tensor | Tensor[]>,
  params: HostParams,
  { channels, half = false, metadata = {} }: ExportOptions,
): Promise<Uint8Array> {
  const weights = checkParams(network, params, 'The set of weights');
  const [first, second] = traceSizes.map((size) => traceNetwork(network, weights, [...size, channels])) as [
    Trace,
    Trace,
  ];
  checkSizeFree(network.name, first, second);
  return encodeModel({
    irVersion,
    producerName: 'rareface',
    producerVersion: await ownVersion(),
    graph: graphOf(network.name, first, second, half),
    opsetImport: [{ version: opset }],
    metadataProps: Object.entries({ network: network.name, channels: String(channels), ...metadata }).map(
      ([key, value]) => ({ key, value }),
    ),
  });
}

async function ownVersion(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** Runs `apply` on a backend of its own; tfjs's current backend is as before when it returns. */
function traceNetwork(
  network: Network<Tensor | Tensor[]>,
  weights: HostParams,
  shape: [number, number, number, number],
): Trace {
  registerTraceKernels();
  // Typed as if there always was one.
  const previous = tf.getBackend() as string | null;
  const trace = new TraceBackend();
  tf.registerBackend(traceBackendName, () => trace);
  try {
    // tfjs has changed over when this returns: a backend that is made at once is set at once.
    void tf.setBackend(traceBackendName);
    let traced!: Trace;
    tf.tidy(() => {
      const params = uploadParams(weights);
      for (const [name, tensor] of Object.entries(params)) trace.constant(tensor)!.name = name;
      const open = [true, true, true, false];
      const input = trace.traced('input', { shape, layout: 'image', open });
      const x = tf.engine().makeTensorFromTensorInfo(input) as Tensor4D;
      const result = network.apply(params, x);
      traced = finish(trace, shape, Array.isArray(result) ? result : [result], Array.isArray(result));
    });
    return traced;
  } finally {
    if (previous) void tf.setBackend(previous);
    tf.removeBackend(traceBackendName);
  }
}

/** Gives the graph's outputs their names. */
function finish(trace: TraceBackend, shape: readonly number[], tensors: readonly Tensor[], several: boolean): Trace {
  const outputs = tensors.map((tensor, i) => {
    const isImage = tensor.shape.length === 4;
    const [n, h, w, c] = tensor.shape as [number, number, number, number];
    return {
      name: several ? `output_${i}` : 'output',
      from: trace.operand(tensor, isImage ? 'image' : 'plain'),
      shape: isImage ? [n, c, h, w] : tensor.shape,
    };
  });
  const renamed = new Map<string, string>();
  const isNode = new Set(trace.graph.nodes.map(({ name }) => name));
  for (const output of outputs) {
    if (!isNode.has(output.from) || renamed.has(output.from)) {
      // The input itself, a constant, or an output that is there already under another name.
      trace.graph.nodes.push({
        ...{ name: output.name, opType: 'Identity', attribute: [] },
        ...{ input: [output.from], output: [output.name] },
      });
    } else {
      renamed.set(output.from, output.name);
    }
  }
  const rename = (name: string) => renamed.get(name) ?? name;
  return {
    nodes: trace.graph.nodes.map((node) => ({
      ...node,
      input: node.input.map(rename),
      output: node.output.map(rename),
    })),
    initializers: trace.graph.initializers,
    input: shape,
    outputs,
  };
}

/** @throws Error where the two graphs differ: something holds for the size of the trace only */
function checkSizeFree(network: string, first: Trace, second: Trace): void {
  const misfit = (what: string) =>
    new Error(
      `${network} cannot be exported for every image size: ${what} with the batch, height or width ` +
        `([${first.input.join(', ')}] and [${second.input.join(', ')}] were tried).`,
    );
  first.nodes.forEach((node, i) => {
    if (JSON.stringify(node) !== JSON.stringify(second.nodes[i])) throw misfit(`the node ${node.name} changes`);
  });
  if (first.nodes.length !== second.nodes.length) throw misfit('the number of nodes changes');
  for (const [name, { dims, values }] of first.initializers) {
    const other = second.initializers.get(name)!;
    const equal = values === other.values || values.every((value, i) => value === other.values[i]);
    if (dims.join() !== other.dims.join() || !equal) throw misfit(`the constant ${name} changes`);
  }
}

function graphOf(name: string, first: Trace, second: Trace, half: boolean): Graph {
  const casts: Node[] = [];
  const initializer = [...first.initializers.values()].map((one) => {
    // Biases are few, and small errors in them are errors everywhere: they stay float32.
    if (!half || one.dataType !== dataTypes.FLOAT || one.dims.length < 2) return encode(one, valuesOf(one));
    const stored = `${one.name}.half`;
    casts.push({
      ...{ name: `Cast_${one.name}`, opType: 'Cast', input: [stored], output: [one.name] },
      attribute: [{ name: 'to', type: attributeTypes.INT, i: dataTypes.FLOAT }],
    });
    return encode({ ...one, name: stored, dataType: dataTypes.FLOAT16 }, toHalf(one));
  });
  const [, , , channels] = first.input;
  return {
    name,
    node: [...casts, ...first.nodes],
    initializer,
    input: [valueInfo('input', ['n', channels!, 'h', 'w'])],
    output: first.outputs.map((output, i) =>
      valueInfo(
        output.name,
        output.shape.map((size, axis) => {
          const other = second.outputs[i]!.shape[axis]!;
          if (size === other) return size;
          const as = [0, 1, 2].find((a) => first.input[a] === size && second.input[a] === other);
          return as === undefined ? `${output.name}_${axis}` : 'nhw'[as]!;
        }),
      ),
    ),
  };
}

const valueInfo = (name: string, shape: readonly (number | string)[]) => ({
  name,
  type: {
    tensorType: {
      elemType: dataTypes.FLOAT,
      shape: { dim: shape.map((size) => (typeof size === 'number' ? { dimValue: size } : { dimParam: size })) },
    },
  },
});

const encode = (
  { name, dims, dataType }: Pick<Initializer, 'name' | 'dims' | 'dataType'>,
  values: ArrayBufferView,
): TensorProto => ({
  name,
  dims,
  dataType,
  rawData: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
});

/** @throws UserError for a value that half precision does not hold */
function toHalf(initializer: Initializer): ArrayBufferView {
  const values = valuesOf(initializer) as Float32Array;
  const halves = new Float16Array(values);
  const lost = halves.findIndex((value, i) => !Number.isFinite(value) && Number.isFinite(values[i]));
  if (lost >= 0)
    throw new UserError(
      `Cannot export in half precision: ${initializer.name} holds ${values[lost]}, beyond 65504. Export float32.`,
    );
  return halves;
}
