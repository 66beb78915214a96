// Between golden tensors and the tensors of the current backend.

import { tf, type Tensor } from "@dinov2/tensor";
import { compareTensor, compareValue, type Comparison } from "./compare.ts";
import type { GoldenCase } from "./golden.ts";

/** A tensor of a case on the current backend, as float32 ("bool" for BOOL); optionally under another shape. */
export function load<T extends Tensor = Tensor>(golden: GoldenCase, name: string, shape?: number[]): T {
  const { dtype, data, shape: stored } = golden.tensor(name);
  return tf.tensor(Float32Array.from(data), shape ?? [...stored], dtype === "BOOL" ? "bool" : "float32") as T;
}

/** Compares a tensor of the backend with a golden output. */
export async function compare(golden: GoldenCase, name: string, got: Tensor): Promise<Comparison> {
  return compareTensor(golden, name, { shape: got.shape, data: await got.data() });
}

/** Compares a scalar of the backend with a golden value. */
export async function compareScalar(golden: GoldenCase, name: string, got: Tensor): Promise<Comparison> {
  return compareValue(golden, name, (await got.data())[0]!);
}
