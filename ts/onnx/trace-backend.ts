import * as tf from '@tensorflow/tfjs-core';
import type { BackendValues, DataId, DataType, TensorInfo } from '@tensorflow/tfjs-core';
import { GraphBuilder, type AttributeValue } from './graph.js';
import { dataTypes } from './proto.js';

export const traceBackendName = 'onnx-trace';

/** A tensor whose values are known while tracing: a weight, or computed from weights and numbers alone. */
export interface Constant {
  readonly kind: 'constant';
  readonly values: Float32Array | Int32Array | Uint8Array;
  /** Of a parameter. */
  name?: string;
}

/**
 * How a traced tensor lies in the ONNX graph: `image` tensors have tfjs's axes N, H, W, C in the
 * order N, C, H, W; `plain` ones as tfjs has them.
 */
export type Layout = 'plain' | 'image';

/** A tensor that depends on the network's input: the output of an ONNX node. */
export interface Traced {
  readonly kind: 'traced';
  readonly name: string;
  readonly layout: Layout;
  /** For each of tfjs's axes, whether its size goes by that of the input. */
  readonly open: readonly boolean[];
}

export type Value = Constant | Traced;

/** tfjs axes by ONNX axis, and back, of an `image`. */
export const toNchw = [0, 3, 1, 2] as const;
export const toNhwc = [0, 2, 3, 1] as const;

const onnxTypes: Partial<Record<DataType, number>> = {
  float32: dataTypes.FLOAT,
  int32: dataTypes.INT32,
  bool: dataTypes.BOOL,
};

/** @throws Error for strings and complex numbers */
export function onnxTypeOf(dtype: DataType): number {
  const type = onnxTypes[dtype];
  if (type === undefined) throw new Error(`The ONNX export has no ${dtype} tensors.`);
  return type;
}

interface Entry {
  readonly value: Value;
  refCount: number;
}

/**
 * A tfjs backend that computes nothing: its kernels (rules/) write each call down as ONNX nodes.
 * One backend traces one network.
 */
export class TraceBackend extends tf.KernelBackend {
  readonly graph = new GraphBuilder();
  private readonly entries = new WeakMap<DataId, Entry>();
  private count = 0;
  private readonly names = new Map<Constant, string>();

  // --- what rules use

  value(info: TensorInfo): Value {
    const entry = this.entries.get(info.dataId);
    if (!entry) throw new Error('The network uses a tensor that is neither a parameter nor made by itself.');
    return entry.value;
  }

  constant(info: TensorInfo): Constant | undefined {
    const value = this.value(info);
    return value.kind === 'constant' ? value : undefined;
  }

  /** Whether a tensor lies as an image does. Constants take either layout. */
  isImage(info: TensorInfo): boolean {
    const value = this.value(info);
    return value.kind === 'traced' && value.layout === 'image';
  }

  /** Which of tfjs's axes go by the input's size. */
  open(info: TensorInfo): readonly boolean[] {
    const value = this.value(info);
    return value.kind === 'traced' ? value.open : info.shape.map(() => false);
  }

  /** The tensor's name in the graph, in this layout; a node may be needed for that. */
  operand(info: TensorInfo, layout: Layout): string {
    const value = this.value(info);
    if (value.kind === 'constant') return this.constantOperand(value, info, layout);
    if (value.layout === layout) return value.name;
    return this.graph.node('Transpose', [value.name], { perm: layout === 'image' ? toNchw : toNhwc });
  }

  /** An image's name. */
  image(info: TensorInfo): string {
    if (info.shape.length !== 4)
      throw new Error(`Expected an image but received a tensor of rank ${info.shape.length}.`);
    return this.operand(info, 'image');
  }

  /** A filter's name, [out, in, h, w] for tfjs's [h, w, in, out]; the same for transposed convolutions. */
  filter(info: TensorInfo): string {
    const constant = this.constant(info);
    if (!constant) throw new Error('Filters that depend on the input have no ONNX export.');
    const perm = [3, 2, 0, 1];
    return this.graph.initializer({
      name: `${this.nameOf(constant)}.oihw`,
      dims: perm.map((axis) => info.shape[axis]!),
      dataType: onnxTypeOf(info.dtype),
      values: constant.values,
      from: { shape: info.shape, perm },
    });
  }

  /** A constant that broadcasts against tensors of this layout. */
  private constantOperand(constant: Constant, { shape, dtype }: TensorInfo, layout: Layout): string {
    const dataType = onnxTypeOf(dtype);
    if (constant.values.length === 1 && dtype === 'float32' && !constant.name && shape.length === 0)
      return this.graph.floats(constant.values[0]!);
    const name = this.nameOf(constant);
    if (layout === 'plain' || shape.length === 0)
      return this.graph.initializer({ name, dims: shape, dataType, values: constant.values });
    const nhwc = [...Array<number>(4 - shape.length).fill(1), ...shape];
    const nchw = toNchw.map((axis) => nhwc[axis]!);
    return this.graph.initializer({
      name: `${name}.nchw`,
      dims: nchw.slice(
        Math.max(
          0,
          nchw.findIndex((size) => size !== 1),
        ),
      ),
      dataType,
      values: constant.values,
      from: { shape: nhwc, perm: toNchw },
    });
  }

  private nameOf(constant: Constant): string {
    let name = constant.name ?? this.names.get(constant);
    if (name === undefined) {
      name = `constant_${this.names.size}`;
      this.names.set(constant, name);
    }
    return name;
  }

  /** Adds a node and gives its output as a tensor of tfjs. */
  emit(
    node: { op: string; inputs: readonly string[]; attributes?: Readonly<Record<string, AttributeValue>> },
    output: { shape: readonly number[]; layout: Layout; open: readonly boolean[]; dtype?: DataType },
  ): TensorInfo {
    const name = this.graph.node(node.op, node.inputs, node.attributes);
    return this.traced(name, output);
  }

  /** A tensor of tfjs for something in the graph. */
  traced(
    name: string,
    {
      shape,
      layout,
      open,
      dtype = 'float32',
    }: { shape: readonly number[]; layout: Layout; open: readonly boolean[]; dtype?: DataType },
  ): TensorInfo {
    return this.add({ kind: 'traced', name, layout, open }, [...shape], dtype);
  }

  /** The same tensor again, perhaps under another shape: constants only where the shape differs. */
  alias(info: TensorInfo, shape: readonly number[] = info.shape): TensorInfo {
    return this.add(this.value(info), [...shape], info.dtype);
  }

  private add(value: Value, shape: number[], dtype: DataType): TensorInfo {
    const dataId = {};
    this.entries.set(dataId, { value, refCount: 1 });
    this.count++;
    return { dataId, shape, dtype };
  }

  // --- tfjs's storage contract

  override write(values: BackendValues, shape: number[], dtype: DataType): DataId {
    onnxTypeOf(dtype);
    return this.add({ kind: 'constant', values: values as Float32Array }, shape, dtype).dataId;
  }

  override readSync(dataId: DataId): BackendValues {
    const value = this.value({ dataId, shape: [], dtype: 'float32' });
    if (value.kind === 'constant') return value.values;
    throw new Error('The network reads values of a tensor that depends on its input: that cannot be exported.');
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- tfjs's contract
  override async read(dataId: DataId): Promise<BackendValues> {
    return this.readSync(dataId);
  }

  override disposeData(dataId: DataId, force = false): boolean {
    const entry = this.entries.get(dataId);
    if (!entry) return true;
    entry.refCount--;
    if (!force && entry.refCount > 0) return false;
    this.entries.delete(dataId);
    this.count--;
    return true;
  }

  override refCount(dataId: DataId): number {
    return this.entries.get(dataId)?.refCount ?? 0;
  }

  override incRef(dataId: DataId): void {
    const entry = this.entries.get(dataId);
    if (entry) entry.refCount++;
  }

  override numDataIds(): number {
    return this.count;
  }

  override memory(): { unreliable: boolean } {
    return { unreliable: true };
  }

  override floatPrecision(): 16 | 32 {
    return 32;
  }

  override epsilon(): number {
    return 1e-7;
  }

  override dispose(): void {
    this.names.clear();
  }
}
