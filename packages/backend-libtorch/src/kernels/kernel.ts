// How a file of this folder says which TF.js kernel runs which kernel of the addon.
import type { tf } from "@dinov2/tensor";
import type { LibtorchBackend } from "../backend.ts";

export type Inputs = Readonly<Record<string, tf.TensorInfo>>;
export type Attributes = Readonly<Record<string, unknown>>;

/** A TF.js kernel on this backend. */
export type KernelBody = (backend: LibtorchBackend, inputs: Inputs, attributes: Attributes) => tf.TensorInfo | tf.TensorInfo[];

/** TF.js kernels by their names. */
export type KernelBodies = Readonly<Record<string, KernelBody>>;

/** The one result of a kernel. */
export const one = (results: tf.TensorInfo[]): tf.TensorInfo => results[0]!;

/** Whether a kernel may write a result over `info`, as its caller needs that no more: not where other tensors share its memory. */
export const mayOverwrite = (backend: LibtorchBackend, info: tf.TensorInfo, wished: unknown): boolean =>
  wished === true && backend.refCount(info.dataId) === 1;

/** One body for kernels that differ by their name alone. */
export function kernelsNamed(names: readonly string[], bodyOf: (name: string) => KernelBody): KernelBodies {
  return Object.fromEntries(names.map((name) => [name, bodyOf(name)]));
}
