import { Buffer } from "node:buffer";
import { kernels as encoded } from "./kernels.generated.ts";

type Address = number;

/** What `packages/data/assembly` exports; meanings there. Addresses and sizes are in bytes. */
export interface Kernels {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  resizeRows(
    source: Address, sourceStride: number, rowCount: number,
    target: Address, targetStride: number, outputWidth: number,
    bounds: Address, weights: Address, weightStride: number,
  ): void;
  resizeColumns(
    source: Address, sourceStride: number, firstRow: number, width: number,
    planes: Address, planeStride: number, outputHeight: number,
    bounds: Address, weights: Address, weightStride: number,
  ): void;
  blend(bytes: Address, count: number, base: number, factor: number): void;
  saturate(planes: Address, stride: number, factor: number): void;
  grayscale(planes: Address, stride: number): void;
  luminanceSum(planes: Address, stride: number, count: number): number;
  solarize(bytes: Address, count: number, threshold: number): void;
  shiftHue(planes: Address, stride: number, shift: number): void;
  blurPlane(plane: Address, width: number, height: number, kernel: Address, scratch: Address): void;
  normalize(bytes: Address, count: number, scale: number, shift: number, output: Address): void;
}

// What is used of WebAssembly: its types come with browser libraries, which this package has nothing else to do with.
const { Module, Instance } = (globalThis as unknown as { WebAssembly: WebAssemblyEngine }).WebAssembly;

interface WebAssemblyEngine {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: object };
}

let compiled: object | undefined;

/** A fresh instance with a memory of its own. */
export function instantiateKernels(): Kernels {
  compiled ??= new Module(Buffer.from(encoded, "base64"));
  return new Instance(compiled, {}).exports as Kernels;
}
