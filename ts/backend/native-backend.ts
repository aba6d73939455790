import * as tf from '@tensorflow/tfjs-core';
import type { BackendValues, DataId, DataType, TensorInfo } from '@tensorflow/tfjs-core';
import { UserError } from '../base/errors.js';
import {
  loadBinding,
  precisions,
  type DeviceName,
  type Isa,
  type NativeBinding,
  type PlanHandle,
  type Precision,
} from './binding.js';
import { deviceFromEnvironment, isaFromEnvironment } from './device.js';
import type { EncodedPlan } from './capture/encode.js';
import { Recorder, type SeenTensor } from './capture/recorder.js';
import { dtypes, type NativeDType } from './dtypes.js';
import type { KernelHost } from './kernel.js';
import { checkShape } from './shape.js';
import { threadsFromEnvironment } from './threads.js';

export { type NativeDType };

/** As many as bring a training step down to its longest chain of calls; each has scratch of its own. */
const gpuLanes = 3;

interface TensorData {
  /** Native buffer; 0 for a string or complex tensor, whose values stay on the host. */
  readonly id: number;
  readonly dtype: DataType;
  readonly values?: BackendValues;
  /** Parts of a complex64 tensor. */
  readonly complexTensorInfos?: { real: TensorInfo; imag: TensorInfo };
  refCount: number;
}

export interface NativeBackendOptions {
  /** Where kernels run. Default: RAREFACE_DEVICE, else the CPU. */
  device?: DeviceName | undefined;
  /** Worker threads, the caller's included. Default: RAREFACE_THREADS, else every core. */
  threads?: number | undefined;
  /** The CPU's instruction set. Default: RAREFACE_ISA, else the best this processor has. */
  isa?: Isa;
  /** What products round their factors to. Default: float32, which rounds nothing. */
  precision?: Precision;
}

/**
 * A tfjs backend whose tensors are native buffers and whose kernels are C++. Kernels name tensors
 * by integer id; shapes travel with each call, since tfjs reshapes without touching data.
 */
export class NativeBackend extends tf.KernelBackend implements KernelHost {
  readonly device: DeviceName;
  /** The device as people know it. */
  readonly description: string;
  /** '' on a GPU. */
  readonly isa: Isa | '';
  readonly threads: number;
  /** Those that the kernels loaded have here. */
  readonly precisions: readonly Precision[];
  private currentPrecision: Precision = 'float32';
  private readonly binding: NativeBinding;
  private readonly data: tf.DataStorage<TensorData>;
  private readonly kernelNumbers: ReadonlyMap<string, number>;
  private operands = new Int32Array(256);
  private attrs = new Float64Array(64);
  private recorder: Recorder | undefined;
  /** References taken by the kernel that is running. */
  private taken: DataId[] | undefined;

  constructor(options: NativeBackendOptions = {}) {
    super();
    this.binding = loadBinding();
    const isa = options.isa ?? isaFromEnvironment();
    const threads = options.threads ?? threadsFromEnvironment();
    const opened = this.binding.open(options.device ?? deviceFromEnvironment(), isa, threads);
    this.device = opened.device;
    this.description = opened.description;
    this.isa = opened.isa;
    this.threads = opened.threads;
    this.precisions = opened.precisions.map((number) => precisions[number]!);
    this.precision = options.precision ?? 'float32';
    this.kernelNumbers = new Map(opened.kernels.map((name, number) => [name, number]));
    this.data = new tf.DataStorage(this, tf.engine());
  }

  get precision(): Precision {
    return this.currentPrecision;
  }

  /**
   * Of the calls from now on: bfloat16 rounds the factors of convolutions and matrix products to
   * 8 bits of significand, tf32 (on a GPU) to 11, and adds the products up in float32.
   * @throws UserError where the device has no such products
   */
  set precision(precision: Precision) {
    if (!this.precisions.includes(precision)) throw new UserError(this.withoutPrecision(precision));
    this.binding.setPrecision(precisions.indexOf(precision));
    this.currentPrecision = precision;
  }

  private withoutPrecision(precision: Precision): string {
    if (precision === 'tf32')
      return 'Expected a GPU (--device cuda) for precision tf32, but kernels run on the CPU. Use precision float32.';
    return (
      `Expected a processor with bfloat16 instructions (AVX512_BF16) for precision bfloat16, but the kernels here ` +
      `are for ${this.isa}${this.isa === 'avx512' ? ' without them' : ''}. Use precision float32 (--precision float32).`
    );
  }

  /** Whether the loaded library has this native kernel. */
  has(kernel: string): boolean {
    return this.kernelNumbers.has(kernel);
  }

  /**
   * Runs a native kernel. Inputs and outputs are passed with the shapes they carry here.
   * @throws Error naming the kernel, the shapes and the cause
   */
  run(
    kernel: string,
    inputs: readonly TensorInfo[],
    outputs: readonly TensorInfo[],
    attrs: readonly number[] = [],
  ): void {
    if (this.recorder) {
      const seen = (info: TensorInfo) => this.seen(info);
      this.recorder.call(kernel, precisions.indexOf(this.precision), inputs.map(seen), outputs.map(seen), attrs);
      return;
    }
    const number = this.kernelNumber(kernel);
    let at = 2;
    let needed = 2;
    for (const info of inputs) needed += 3 + info.shape.length;
    for (const info of outputs) needed += 3 + info.shape.length;
    if (needed > this.operands.length) this.operands = new Int32Array(needed * 2);
    if (attrs.length > this.attrs.length) this.attrs = new Float64Array(attrs.length * 2);
    const operands = this.operands;
    operands[0] = inputs.length;
    operands[1] = outputs.length;
    for (const info of inputs) at = this.pack(info, at);
    for (const info of outputs) at = this.pack(info, at);
    for (let i = 0; i < attrs.length; i++) this.attrs[i] = attrs[i]!;
    this.binding.run(number, operands, this.attrs, attrs.length);
  }

  /** @throws Error for a kernel that the loaded library does not have */
  kernelNumber(kernel: string): number {
    const number = this.kernelNumbers.get(kernel);
    if (number === undefined) throw new Error(`The native backend has no kernel '${kernel}'.`);
    return number;
  }

  /**
   * Nothing that `trace` asks of this backend is done: it is noted. Tensors made meanwhile have no
   * contents, and must be disposed of by the end.
   */
  record<T>(trace: (recorder: Recorder) => T): T {
    if (this.recorder) throw new Error('A recording cannot begin within another.');
    this.recorder = new Recorder();
    try {
      return trace(this.recorder);
    } finally {
      this.recorder = undefined;
    }
  }

  /** While recording: the value that a tensor is. */
  recordedValue(info: TensorInfo): number {
    return this.recorder!.valueOf(this.seen(info));
  }

  private seen({ dataId, shape }: TensorInfo): SeenTensor {
    const { id, dtype } = this.data.get(dataId);
    checkShape(shape);
    const bytes = bytesOf(shape, dtype as NativeDType);
    return { dataId, id, dtype: dtypes[dtype as NativeDType], bytes, dims: shape };
  }

  /** How many calls of a plan run at the same time: on a GPU, small ones leave room for others. */
  get lanes(): number {
    return this.device === 'cpu' ? 1 : gpuLanes;
  }

  /** Calls in the form of native/runtime/plan.h, ready to run. */
  plan({ calls, attrs, turns, moving }: EncodedPlan): PlanHandle {
    return this.binding.plan(calls, attrs, turns, moving);
  }

  /**
   * Runs a plan on a thread of its own. Until it has ended, whatever else would run, or read what is
   * bound, waits.
   * @throws Error naming the kernel, the shapes and the cause
   */
  replay(plan: PlanHandle, bindings: readonly TensorInfo[]): Promise<void> {
    return this.binding.replay(
      plan,
      Int32Array.from(bindings, ({ dataId }) => this.data.get(dataId).id),
    );
  }

  private pack(info: TensorInfo, at: number): number {
    const { id, dtype } = this.data.get(info.dataId);
    const operands = this.operands;
    operands[at++] = id;
    operands[at++] = dtypes[dtype as NativeDType];
    operands[at++] = info.shape.length;
    checkShape(info.shape);
    for (const dim of info.shape) operands[at++] = dim;
    return at;
  }

  /** Runs one kernel's host code; if it throws, every reference that it took is given back. */
  guard<T>(kernel: () => T): T {
    const outer = this.taken;
    const taken: DataId[] = [];
    this.taken = taken;
    try {
      const result = kernel();
      outer?.push(...taken);
      return result;
    } catch (error) {
      this.taken = undefined;
      for (const dataId of taken) this.disposeData(dataId);
      throw error;
    } finally {
      this.taken = outer;
    }
  }

  /** A new uninitialised tensor. */
  makeOutput(shape: readonly number[], dtype: NativeDType): TensorInfo {
    checkShape(shape);
    const dataId = {};
    this.put(dataId, tf.util.sizeFromShape(shape as number[]), dtype, 1);
    this.taken?.push(dataId);
    return { dataId, shape: shape as number[], dtype };
  }

  /** A new tensor with these values. */
  makeTensor(shape: readonly number[], dtype: NativeDType, values: Float32Array | Int32Array | Uint8Array): TensorInfo {
    return { dataId: this.write(values, shape as number[], dtype), shape: shape as number[], dtype };
  }

  /** The same tensor, as a reference that the caller owns. */
  retain(info: TensorInfo): TensorInfo {
    return this.alias(info, info.shape);
  }

  /** Gives back one reference to a tensor that a kernel made for itself. */
  release(info: TensorInfo): void {
    this.disposeData(info.dataId);
  }

  /** The same data under another shape: what tfjs's reshape is. The caller owns one reference. */
  alias(info: TensorInfo, shape: readonly number[]): TensorInfo {
    this.incRef(info.dataId);
    this.taken?.push(info.dataId);
    return { dataId: info.dataId, shape: shape as number[], dtype: info.dtype };
  }

  /** Native buffers of this backend, for `dispose`. */
  private readonly buffers = new Set<number>();

  private put(dataId: DataId, size: number, dtype: NativeDType, refCount: number): number {
    const bytes = bytesOf([size], dtype);
    const id = this.recorder ? this.recorder.allocate(bytes) : this.binding.allocate(bytes);
    if (!this.recorder) this.buffers.add(id);
    this.data.set(dataId, { id, dtype, refCount });
    return id;
  }

  // --- tfjs's storage contract

  override write(values: BackendValues, shape: number[], dtype: DataType): DataId {
    const dataId = {};
    this.move(dataId, values, shape, dtype, 1);
    this.taken?.push(dataId);
    return dataId;
  }

  override move(dataId: DataId, values: BackendValues, shape: number[], dtype: DataType, refCount: number): void {
    if (dtype === 'string') {
      this.data.set(dataId, { id: 0, dtype, values, refCount });
      return;
    }
    if (dtype === 'complex64') {
      const { real, imag } = values as unknown as { real: BackendValues; imag: BackendValues };
      const part = (v: BackendValues): TensorInfo => ({
        dataId: this.write(v, shape, 'float32'),
        shape,
        dtype: 'float32',
      });
      this.data.set(dataId, {
        id: 0,
        dtype,
        complexTensorInfos: { real: part(real), imag: part(imag) },
        refCount,
      });
      return;
    }
    const size = tf.util.sizeFromShape(shape);
    const native = toNative(values, dtype);
    if (native.length !== size)
      throw new Error(`${native.length} values do not fill a tensor of shape [${shape.join()}] with ${size} elements.`);
    const id = this.put(dataId, size, dtype, refCount);
    (this.recorder ?? this.binding).write(id, native);
  }

  override readSync(dataId: DataId): BackendValues {
    const { id, dtype, values, complexTensorInfos } = this.data.get(dataId);
    if (values) return values;
    if (complexTensorInfos) {
      const { real, imag } = complexTensorInfos;
      return tf.backend_util.mergeRealAndImagArrays(
        this.readSync(real.dataId) as Float32Array,
        this.readSync(imag.dataId) as Float32Array,
      );
    }
    if (this.recorder)
      throw new Error("A step that is being recorded cannot read a tensor's elements: they may differ in every run.");
    const copy = this.binding.read(id);
    if (dtype === 'float32') return new Float32Array(copy);
    return dtype === 'int32' ? new Int32Array(copy) : new Uint8Array(copy);
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- tfjs's contract
  override async read(dataId: DataId): Promise<BackendValues> {
    return this.readSync(dataId);
  }

  /** Keeps a pair of float32 tensors as one complex64 tensor; takes over one reference to each. */
  makeComplex(real: TensorInfo, imag: TensorInfo): TensorInfo {
    const dataId = {};
    this.forget(real.dataId);
    this.forget(imag.dataId);
    this.data.set(dataId, { id: 0, dtype: 'complex64', complexTensorInfos: { real, imag }, refCount: 1 });
    this.taken?.push(dataId);
    return { dataId, shape: real.shape, dtype: 'complex64' };
  }

  /** The parts of a complex64 tensor, still owned by it. */
  complexParts(info: TensorInfo): { real: TensorInfo; imag: TensorInfo } {
    const parts = this.data.get(info.dataId).complexTensorInfos;
    if (!parts) throw new Error('Not a complex64 tensor.');
    return parts;
  }

  override disposeData(dataId: DataId, force = false): boolean {
    if (!this.data.has(dataId)) return true;
    this.forget(dataId);
    const entry = this.data.get(dataId);
    entry.refCount--;
    if (!force && entry.refCount > 0) return false;
    if (entry.complexTensorInfos) {
      this.disposeData(entry.complexTensorInfos.real.dataId);
      this.disposeData(entry.complexTensorInfos.imag.dataId);
    }
    if (this.buffers.delete(entry.id)) this.binding.release(entry.id);
    this.data.delete(dataId);
    return true;
  }

  /** A reference that the running kernel took is no longer its own. */
  private forget(dataId: DataId): void {
    const at = this.taken?.lastIndexOf(dataId) ?? -1;
    if (at >= 0) this.taken!.splice(at, 1);
  }

  override refCount(dataId: DataId): number {
    return this.data.has(dataId) ? this.data.get(dataId).refCount : 0;
  }

  override incRef(dataId: DataId): void {
    this.data.get(dataId).refCount++;
  }

  override numDataIds(): number {
    return this.data.numDataIds();
  }

  /** Exact native use; tfjs adds its own tensor counts in tf.memory(). */
  override memory(): { unreliable: boolean; reasons: string[] } & ReturnType<NativeBinding['memory']> {
    return { unreliable: false, reasons: [], ...this.binding.memory() };
  }

  /** Gives memory kept for reuse back to the system. */
  trim(): void {
    this.binding.trim();
  }

  override timerAvailable(): boolean {
    return true;
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- tfjs's contract
  override async time(f: () => void): Promise<{ kernelMs: number }> {
    const start = performance.now();
    f();
    return { kernelMs: performance.now() - start };
  }

  override floatPrecision(): 16 | 32 {
    return 32;
  }

  override epsilon(): number {
    return 1e-7;
  }

  /** Frees every tensor's memory: tfjs removes the backend. */
  override dispose(): void {
    for (const id of this.buffers) this.binding.release(id);
    this.buffers.clear();
    this.binding.trim();
  }
}

const bytesOf = (shape: readonly number[], dtype: NativeDType): number =>
  tf.util.sizeFromShape(shape as number[]) * (dtype === 'bool' ? 1 : 4);

function toNative(values: BackendValues, dtype: NativeDType): Float32Array | Int32Array | Uint8Array {
  if (dtype === 'float32')
    return values instanceof Float32Array ? values : Float32Array.from(values as ArrayLike<number>);
  if (dtype === 'int32') return values instanceof Int32Array ? values : Int32Array.from(values as ArrayLike<number>);
  return values instanceof Uint8Array ? values : Uint8Array.from(values as ArrayLike<number>);
}
