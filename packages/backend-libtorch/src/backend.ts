// A TF.js backend whose tensors live in LibTorch. This class owns the tensors' memory and runs kernels by name; which TF.js
// kernel calls which of LibTorch's is in kernels/.
import { tf } from "@dinov2/tensor";
import type { Addon, Handle } from "./addon.ts";
import { CallFrame } from "./call-frame.ts";
import type { Attribute } from "./call-frame.ts";
import { dtypeCode, typedArrayOf } from "./dtypes.ts";

/** One block of memory that TF.js knows under a data id. */
interface TensorData {
  readonly handle: Handle;
  readonly dtype: tf.DataType;
  refCount: number;
}

/** What an output of rank 6 takes in the frame, and more. */
const doublesPerOutput = 10;

/** Brings a tensor from another backend. @throws Error for one that is on none */
function moveData(backend: tf.KernelBackend, dataId: tf.DataId): void {
  const engine = tf.engine();
  if (!engine.state.tensorInfo.has(dataId)) throw new Error("A tensor was used after it was disposed of.");
  engine.moveData(backend, dataId);
}

export class LibtorchBackend extends tf.KernelBackend {
  private readonly data: tf.DataStorage<TensorData>;
  private readonly frame: CallFrame;
  private readonly kernels: ReadonlyMap<string, number>;
  /** Reads wait on a thread of Node's pool: true on a device that computes while JavaScript goes on. */
  private asynchronous = false;
  private reducedPrecision = false;

  constructor(private readonly addon: Addon) {
    super();
    this.data = new tf.DataStorage(this, { moveData });
    this.frame = new CallFrame(addon);
    this.kernels = new Map(addon.kernelNames().map((name, i) => [name, i]));
  }

  /** Where new tensors go, and how. Tensors that are there stay where they are, and move when a kernel reads them. */
  configure(options: Parameters<Addon["configure"]>[0]): void {
    this.addon.configure(options);
    this.asynchronous = this.addon.about().device !== "cpu";
    this.reducedPrecision = options.bf16 ?? this.reducedPrecision;
  }

  /** How products are computed. */
  get precision(): "fp32" | "bf16" {
    return this.reducedPrecision ? "bf16" : "fp32";
  }

  /** `compute()` with products in float32; `fullPrecision` of `@dinov2/tensor` calls it. */
  inFullPrecision<T>(compute: () => T): T {
    if (!this.reducedPrecision) return compute();
    this.addon.configure({ bf16: false });
    try {
      return compute();
    } finally {
      this.addon.configure({ bf16: true });
    }
  }

  /**
   * Runs one of the addon's kernels.
   * @param inputs undefined for an optional one that is not given
   * @param attributes in the order in which the kernel reads them
   * @param outputCount to be given where it may be large
   */
  run(kernel: string, inputs: readonly (tf.TensorInfo | undefined)[], attributes: readonly Attribute[] = [], outputCount = 1): tf.TensorInfo[] {
    const { frame } = this;
    frame.start(inputs.length, outputCount * doublesPerOutput);
    for (const info of inputs) {
      if (info === undefined) frame.addInput(-1, []);
      else frame.addInput(this.data.get(info.dataId).handle, info.shape);
    }
    for (const attribute of attributes) frame.addAttribute(attribute);
    const outputs: tf.TensorInfo[] = [];
    for (let left = frame.run(this.kernels.get(kernel)!); left > 0; left--) {
      const { handle, dtype, shape } = frame.nextOutput();
      outputs.push({ dataId: this.own(handle, dtype), shape, dtype });
    }
    return outputs;
  }

  /** The memory of `info` under another shape. */
  share({ dataId, dtype }: tf.TensorInfo, shape: number[]): tf.TensorInfo {
    this.incRef(dataId);
    return { dataId, dtype, shape };
  }

  override write(values: tf.BackendValues, shape: number[], dtype: tf.DataType): tf.DataId {
    const typed = typedArrayOf(values, dtype);
    return this.own(this.addon.create(typed, dtypeCode(dtype), shape), dtype);
  }

  override move(dataId: tf.DataId, values: tf.BackendValues, shape: number[], dtype: tf.DataType, refCount: number): void {
    const handle = this.addon.create(typedArrayOf(values, dtype), dtypeCode(dtype), shape);
    this.data.set(dataId, { handle, dtype, refCount });
  }

  override readSync(dataId: tf.DataId): tf.BackendValues {
    return this.addon.read(this.data.get(dataId).handle);
  }

  override async read(dataId: tf.DataId): Promise<tf.BackendValues> {
    return this.asynchronous ? this.addon.readAsync(this.data.get(dataId).handle) : this.readSync(dataId);
  }

  override numDataIds(): number {
    return this.data.numDataIds();
  }

  /** How many tensors share the memory, whether TF.js made them or LibTorch did. */
  override refCount(dataId: tf.DataId): number {
    if (!this.data.has(dataId)) return 0;
    const { refCount, handle } = this.data.get(dataId);
    return refCount - 1 + this.addon.owners(handle);
  }

  override incRef(dataId: tf.DataId): void {
    this.data.get(dataId).refCount += 1;
  }

  decRef(dataId: tf.DataId): void {
    if (this.data.has(dataId)) this.data.get(dataId).refCount -= 1;
  }

  override disposeData(dataId: tf.DataId, force = false): boolean {
    if (!this.data.has(dataId)) return true;
    const data = this.data.get(dataId);
    data.refCount -= 1;
    if (!force && data.refCount > 0) return false;
    this.data.delete(dataId);
    this.addon.release(data.handle);
    return true;
  }

  /** TF.js adds its own counts. In bf16 some float32 tensors take half the bytes that it counts. */
  override memory(): { unreliable: boolean; reasons: string[] } {
    const reasons = this.reducedPrecision ? ["Results of products are kept in bfloat16, 2 bytes a number where TF.js counts 4."] : [];
    return { unreliable: reasons.length > 0, reasons };
  }

  /** Bytes that LibTorch's tensors take, and the device's memory where it is not the processor's. */
  nativeMemory(): ReturnType<Addon["memory"]> {
    return this.addon.memory();
  }

  override async time(run: () => void): Promise<tf.BackendTimingInfo> {
    const start = performance.now();
    run();
    return { kernelMs: performance.now() - start };
  }

  override timerAvailable(): boolean {
    return true;
  }

  override floatPrecision(): 16 | 32 {
    return 32;
  }

  override epsilon(): number {
    return 1e-7;
  }

  override dispose(): void {
    // TF.js disposes of the tensors one by one when a backend is removed.
  }

  private own(handle: Handle, dtype: tf.DataType): tf.DataId {
    const dataId = {};
    this.data.set(dataId, { handle, dtype, refCount: 1 });
    return dataId;
  }
}
