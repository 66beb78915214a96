// What the differential test runs on two backends.
import type { Tolerance } from "@dinov2/tensor/testing";
import type { Draw, Operand } from "./draw.ts";

/** One call of a TF.js kernel. */
export interface KernelCall {
  readonly inputs: Readonly<Record<string, Operand>> | readonly Operand[];
  readonly attributes?: Readonly<Record<string, unknown>>;
  /** Where float32 says less than elsewhere. */
  readonly tolerance?: Tolerance;
}

/** Draws a call of a kernel. What it leaves out on purpose, it says why. */
export type Generator = (draw: Draw) => KernelCall;

/** Generators by the names of their kernels. */
export type Generators = Readonly<Record<string, Generator>>;

export function generatorsFor(names: readonly string[], generator: Generator): Generators {
  return Object.fromEntries(names.map((name) => [name, generator]));
}
