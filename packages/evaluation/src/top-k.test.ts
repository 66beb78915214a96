import { RandomStream } from "@dinov2/foundation";
import { describe, expect, it } from "vitest";
import { RunningTopK } from "./top-k.ts";

/** [rows, width] similarities with many ties: multiples of 1/8. */
function similaritiesWithTies(rows: number, width: number, seed: number): Float32Array {
  const random = RandomStream.fromSeed(seed);
  return Float32Array.from({ length: rows * width }, () => random.integer(17) / 8 - 1);
}

function mergeInBlocks(all: Float32Array, rows: number, width: number, k: number, blockWidth: number) {
  const best = new RunningTopK(rows, k);
  for (let start = 0; start < width; start += blockWidth) {
    const end = Math.min(start + blockWidth, width);
    const block = new Float32Array(rows * (end - start));
    for (let row = 0; row < rows; row++) block.set(all.subarray(row * width + start, row * width + end), row * (end - start));
    best.merge(block, end - start, 0, start);
  }
  return best.finish();
}

describe("RunningTopK", () => {
  it("keeps what a stable sort of the whole row puts first, ties by rising index", () => {
    const [rows, width, k] = [7, 300, 23];
    const all = similaritiesWithTies(rows, width, 1);
    const { indices, similarities } = mergeInBlocks(all, rows, width, k, width);
    for (let row = 0; row < rows; row++) {
      const values = all.subarray(row * width, (row + 1) * width);
      const order = Array.from(values.keys()).sort((a, b) => values[b]! - values[a]!).slice(0, k);
      expect([...indices.subarray(row * k, (row + 1) * k)]).toEqual(order);
      expect([...similarities.subarray(row * k, (row + 1) * k)]).toEqual(order.map((i) => values[i]));
    }
  });

  it("has no number where an engine found too few", () => {
    const best = new RunningTopK(2, 2);
    best.mergeFound(Float32Array.of(0.5, -Infinity, -Infinity, -Infinity), Int32Array.of(3, -1, -1, -1), 2, 0, 10);
    const { indices, similarities } = best.finish();
    expect([...similarities]).toEqual([0.5, NaN, NaN, NaN]);
    expect([...indices]).toEqual([13, 0, 0, 0]);
  });

  it.each([1, 7, 64, 299])("gives the same neighbours in blocks of %d", (blockWidth) => {
    const all = similaritiesWithTies(3, 300, 2);
    expect(mergeInBlocks(all, 3, 300, 40, blockWidth)).toEqual(mergeInBlocks(all, 3, 300, 40, 300));
  });

  it("sorts a full bank when k is its size", () => {
    const result = mergeInBlocks(Float32Array.of(0.5, -1, 0.5, 1), 1, 4, 4, 3);
    expect([...result.indices]).toEqual([3, 0, 2, 1]);
  });
});
