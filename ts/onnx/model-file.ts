import { readFile } from 'node:fs/promises';
import { messageOf, UserError } from '../base/errors.js';
import { decodeModel, withOutput, type Graph, type ValueInfo, dataTypes } from './proto.js';

/** An ONNX file: its bytes, and what its graph takes and gives. */
export interface ModelFile {
  readonly bytes: Uint8Array;
  readonly graph: Graph;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Reads an ONNX file.
 * @throws UserError naming it when it cannot be read, is cut short or no ONNX file
 */
export async function readModelFile(file: string): Promise<ModelFile> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (error) {
    throw new UserError(`Cannot read the ONNX file ${file}: ${messageOf(error)}`);
  }
  let model;
  try {
    model = decodeModel(bytes);
  } catch {
    throw new UserError(`${file} is cut short, or not an ONNX file: its ${bytes.length} bytes end too early.`);
  }
  const { graph, opsetImport, metadataProps } = model;
  if (!graph || graph.node.length === 0) throw new UserError(`${file} is not an ONNX file: it holds no graph.`);
  if (opsetImport.length === 0)
    throw new UserError(`${file} is cut short: it does not say which ONNX it is written in.`);
  return { bytes, graph, metadata: Object.fromEntries(metadataProps.map(({ key, value }) => [key, value])) };
}

/** What a generator's graph takes and gives. */
export interface GeneratorShape {
  readonly input: string;
  readonly output: string;
  readonly channels: 1 | 3;
  /** Side of the images, where the graph or the metadata fixes one. */
  readonly size: number | undefined;
  /** Whether the graph takes no other size. */
  readonly sizeFixed: boolean;
}

/**
 * Checks that a model turns images [n, channels, h, w] into images of the same shape.
 * @throws UserError naming the file, for a network of another kind or one of a fixed batch
 */
export function generatorShape({ graph, metadata }: ModelFile, file: string): GeneratorShape {
  const inputs = inputsOf(graph);
  const [input, output] = [inputs[0], graph.output[0]];
  const misfit = () =>
    new UserError(
      `${file} is not a generator of images: expected one float32 input and output [n, 1 or 3, h, w] of one shape, ` +
        `but it takes ${inputs.map(describe).join(', ') || 'nothing'} and gives ${graph.output.map(describe).join(', ') || 'nothing'}.`,
    );
  if (!input || !output || inputs.length > 1 || graph.output.length > 1) throw misfit();
  const from = dimsOf(input);
  const to = dimsOf(output);
  if (from?.length !== 4 || to?.length !== 4 || from[1] !== to[1] || (from[1] !== 1 && from[1] !== 3)) throw misfit();
  const [batch, channels, height, width] = from;
  if (height !== width) throw misfit();
  if (batch !== undefined)
    throw new UserError(`${file} takes batches of exactly ${batch}: export it with an open batch axis.`);
  const named = Number(metadata['size']);
  return {
    input: input.name,
    output: output.name,
    channels,
    size: height ?? (Number.isInteger(named) && named > 0 ? named : undefined),
    sizeFixed: height !== undefined,
  };
}

/** What a network that describes images takes and gives. */
export interface FeatureShape {
  readonly input: string;
  readonly output: string;
  readonly channels: 1 | 3;
  /** Side of the images, where the graph fixes it. */
  readonly size: number | undefined;
  /** The graph's bytes, with `output` among its outputs. */
  readonly bytes: Uint8Array;
}

/**
 * Checks that a model takes images [n, channels, h, w], and finds the value that is wanted of it.
 * @param wanted an output or any value in between; null: the last output
 * @throws UserError naming the file, for a network of another input, a fixed batch, or an unknown output
 */
export function featureShape({ bytes, graph }: ModelFile, wanted: string | null, file: string): FeatureShape {
  const inputs = inputsOf(graph);
  const dims = inputs.length === 1 ? dimsOf(inputs[0]!) : undefined;
  const [batch, channels, height, width] = dims ?? [];
  if (dims?.length !== 4 || (channels !== 1 && channels !== 3) || height !== width)
    throw new UserError(
      `${file} takes no images: expected one float32 input [n, 1 or 3, h, w], ` +
        `but it takes ${inputs.map(describe).join(', ') || 'nothing'}.`,
    );
  if (batch !== undefined)
    throw new UserError(`${file} takes batches of exactly ${batch}: export it with an open batch axis.`);
  const given = graph.output.map(({ name }) => name);
  const output = wanted ?? given.at(-1);
  if (output === undefined) throw new UserError(`${file} has no output.`);
  const shape = { input: inputs[0]!.name, output, channels, size: height } as const;
  if (given.includes(output)) return { ...shape, bytes };
  if (!graph.node.some((node) => node.output.includes(output)))
    throw new UserError(`${file} has no value '${output}'. Its outputs: ${given.join(', ')}.`);
  return { ...shape, bytes: withOutput(bytes, output) };
}

/** Inputs that are no weights. */
function inputsOf(graph: Graph): ValueInfo[] {
  const weights = new Set(graph.initializer.map(({ name }) => name));
  return graph.input.filter(({ name }) => !weights.has(name));
}

/** Sizes of a float32 tensor; undefined where one is open. */
function dimsOf({ type }: ValueInfo): (number | undefined)[] | undefined {
  const tensor = type?.tensorType;
  if (tensor?.elemType !== dataTypes.FLOAT) return undefined;
  // Some exporters write 0 or -1 for an open size.
  return tensor.shape?.dim.map(({ dimValue }) => (dimValue !== undefined && dimValue > 0 ? dimValue : undefined));
}

function describe({ name, type }: ValueInfo): string {
  const tensor = type?.tensorType;
  const dims = tensor?.shape?.dim.map(({ dimValue, dimParam }) => String(dimValue ?? dimParam ?? '?')).join(', ');
  return `${name} [${dims ?? 'any shape'}]${tensor && tensor.elemType !== dataTypes.FLOAT ? ' (not float32)' : ''}`;
}
