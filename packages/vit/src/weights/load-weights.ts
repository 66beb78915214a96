// Named arrays into the variables of a model that exists already, and out of it again.

import { tf } from "@dinov2/tensor";
import { createVariable, type ParameterMap } from "../parameters.ts";
import { assertMatches, compareWeights, sameShape, type Shape, type WeightReport } from "./compare.ts";

/** A tensor as plain data, row-major. */
export interface WeightArray {
  readonly shape: Shape;
  readonly data: ArrayLike<number>;
}

export type StateDict = Map<string, { readonly shape: number[]; readonly data: Float32Array }>;

export interface LoadOptions {
  /** Throw unless names and shapes match exactly (default). Otherwise take what fits and report the rest. */
  readonly strict?: boolean;
  /** Named in the message of an error. */
  readonly origin?: string;
}

/**
 * Gives variables the values of `weights`. Everything is compared before anything changes.
 * @throws InputError listing what is missing, unexpected or of another shape, when strict
 */
export function loadWeights(
  model: { readonly parameters: ParameterMap },
  weights: Iterable<readonly [string, WeightArray]>,
  { strict = true, origin = "The state dict" }: LoadOptions = {},
): WeightReport {
  const arrays = new Map(weights);
  const { parameters } = model;
  const report = compareWeights(shapesOf(parameters), shapesOf(arrays), (name, shape) =>
    isPositionEmbedding(name, shape, parameters.get(name)!.shape),
  );
  if (strict) assertMatches(report, origin);
  const skipped = new Set(report.mismatched.map(({ name }) => name));
  for (const [name, { shape, data }] of arrays) {
    if (parameters.has(name) && !skipped.has(name)) setParameter(parameters, name, shape, Float32Array.from(data));
  }
  return report;
}

/** A position embedding keeps the size it comes with; the forward resizes it. So its variable may have to be a new one. */
function setParameter(parameters: ParameterMap, name: string, shape: Shape, values: Float32Array): void {
  const variable = parameters.get(name)!;
  if (sameShape(variable.shape, shape)) {
    tf.tidy(() => variable.assign(tf.tensor(values, [...shape])));
    return;
  }
  variable.dispose();
  parameters.set(name, createVariable(values, shape));
}

/** Whether a shape that differs is that of a position embedding for another grid, which can be resized. */
export function isPositionEmbedding(name: string, shape: Shape, expected: Shape): boolean {
  const [one, tokens = 0, width] = shape;
  const isSquareGrid = tokens > 1 && Number.isInteger(Math.sqrt(tokens - 1));
  return name === "pos_embed" && shape.length === 3 && one === 1 && width === expected[2] && isSquareGrid;
}

/** The values of a model's parameters, by their official names in the official order. */
export async function stateDict(model: { readonly parameters: ParameterMap }): Promise<StateDict> {
  const result: StateDict = new Map();
  for (const [name, variable] of model.parameters) {
    result.set(name, { shape: [...variable.shape], data: (await variable.data<"float32">()).slice() });
  }
  return result;
}

const shapesOf = (named: ReadonlyMap<string, { readonly shape: Shape }>): Map<string, Shape> =>
  new Map([...named].map(([name, { shape }]) => [name, shape]));
