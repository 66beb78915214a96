// What calls gave on one backend, beside what they gave on another.
import type { tf } from "@dinov2/tensor";
import { expectClose, type Tolerance } from "@dinov2/tensor/testing";
import { expect } from "vitest";

export interface Result {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly values: ArrayLike<number>;
}

export const resultOf = (name: string, tensor: tf.Tensor): Result => ({ name, dtype: tensor.dtype, shape: tensor.shape, values: tensor.dataSync() });

/** The same names, dtypes and shapes, and numbers within `tolerance`; `title` says of what, in an error. */
export function expectSame(actual: readonly Result[], expected: readonly Result[], tolerance: Tolerance, title: string): void {
  const kinds = (results: readonly Result[]) => results.map(({ name, dtype, shape }) => ({ name, dtype, shape }));
  expect(kinds(actual), title).toEqual(kinds(expected));
  expected.forEach(({ name, values }, place) => {
    try {
      expectClose(actual[place]!.values, values, tolerance);
    } catch (error) {
      throw new Error(`${title}, ${name}: ${(error as Error).message}`);
    }
  });
}
