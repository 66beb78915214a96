import { useBackend } from "@dinov2/tensor";
import { beforeAll, expect, it } from "vitest";
import { classAccuracies, confusion } from "./details.ts";
import { exampleNeighbours } from "./example-neighbours.ts";

beforeAll(() => useBackend({ name: "cpu" }));

it("a confusion matrix counts true classes in rows; the accuracy of a class is its diagonal over its row", () => {
  const mixed = confusion("k5", Int32Array.of(0, 0, 0, 1, 3), Int32Array.of(0, 2, 2, 1, 0));
  expect([...mixed.counts]).toEqual([1, 0, 2, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
  expect(Array.from(classAccuracies(mixed).values)).toEqual([1 / 3, 1, NaN, 0]);
});

it("neighbours are named by the images' places in their sets, files that were left out counted", async () => {
  const rowsOf = (values: number[]) => ({ count: values.length / 2, width: 2, values: Float32Array.from(values) });
  const train = { features: rowsOf([1, 0, 0, 1, 1, 1]), labels: Int32Array.of(0, 1, 0), rows: Int32Array.of(3, 5, 8) };
  const test = { features: rowsOf([0, 2, 0, 4]), labels: Int32Array.of(1, 1), rows: Int32Array.of(7, 9) };
  const { queries } = await exampleNeighbours(train, test, 0, { neighbours: 2 });
  expect(queries).toHaveLength(1); // one of each class
  expect([7, 9]).toContain(queries[0]!.test);
  expect(queries[0]!.neighbours.map(({ train: place }) => place)).toEqual([5, 8]);
  expect(queries[0]!.neighbours[1]!.similarity).toBeCloseTo(Math.SQRT1_2, 6);
});
