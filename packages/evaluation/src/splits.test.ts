import { RandomStream } from "@dinov2/foundation";
import { describe, expect, it } from "vitest";
import { rowsPerClass, stratifiedSplit } from "./splits.ts";

const labels = Array.from({ length: 100 }, (_, i) => (i < 60 ? 0 : i < 90 ? 1 : 2));
const random = () => RandomStream.fromSeed(3);

describe("stratifiedSplit", () => {
  it("gives each class its share of test rows and no row to both sides", () => {
    const { train, test } = stratifiedSplit(labels, 0.3, random());
    const counts = [0, 1, 2].map((label) => [...test].filter((row) => labels[row] === label).length);
    expect(counts).toEqual([18, 9, 3]);
    expect([...train, ...test].sort((a, b) => a - b)).toEqual([...labels.keys()]);
  });

  it("is the same for the same seed and another for another", () => {
    const split = (seed: number) => stratifiedSplit(labels, 0.3, RandomStream.fromSeed(seed)).test;
    expect(split(3)).toEqual(split(3));
    expect(split(3)).not.toEqual(split(4));
  });

  it("keeps a group on one side", () => {
    const groups = labels.map((_, row) => `concept-${row % 25}`);
    const { train, test } = stratifiedSplit(labels, 0.3, random(), groups);
    const sides = new Set([...test].map((row) => groups[row]));
    expect([...train].filter((row) => sides.has(groups[row]))).toEqual([]);
    expect(test.length).toBeGreaterThan(15);
    expect(test.length).toBeLessThan(45);
  });

  it("tests at least one row of a class that has two, and trains a class that has one", () => {
    const { train, test } = stratifiedSplit([0, 0, 1], 0.1, random());
    expect(test.length).toBe(1);
    expect(labels[test[0]!]).toBe(0);
    expect([...train]).toContain(2);
  });
});

describe("rowsPerClass", () => {
  it("takes as many rows of each class as asked, or all there are", () => {
    const rows = rowsPerClass(labels, 20, random());
    const counts = [0, 1, 2].map((label) => [...rows].filter((row) => labels[row] === label).length);
    expect(counts).toEqual([20, 20, 10]);
    expect(new Set(rows).size).toBe(50);
  });
});
