import { describe, expect, it } from "vitest";
import { BlockSampler } from "./block-sampler.ts";
import { PartList } from "./datasets/part-list.ts";
import { readBlocks } from "./datasets/read-blocks.ts";

/** Files of images of 10 bytes, one after another; blocks of 40 bytes. */
function blocksOf(...imagesPerFile: readonly number[]) {
  const parts = new PartList();
  imagesPerFile.forEach((count, file) => {
    for (let i = 0; i < count; i++) parts.add(`${file}/${i}`, { file: `${file}`, offset: 10 * i, size: 10 });
  });
  return readBlocks(parts, 40);
}

const sampler = (changes: Partial<ConstructorParameters<typeof BlockSampler>[0]> = {}) =>
  new BlockSampler({ blocks: blocksOf(9, 8, 3), seed: 0, shuffleBytes: 100, rank: 0, worldSize: 1, ...changes });
const take = (from: BlockSampler, start: number, count: number) => Array.from({ length: count }, (_, i) => from.at(start + i));

describe("blocks to read", () => {
  it("are stretches of one file, of no more than so many bytes", () => {
    const blocks = blocksOf(9, 8, 3);
    expect(Array.from({ length: blocks.count + 1 }, (_, i) => blocks.start(i))).toEqual([0, 4, 8, 9, 13, 17, 20]);
    expect(blocks.part(1)).toEqual({ file: "0", offset: 40, size: 40 });
    expect(blocks.part(2)).toEqual({ file: "0", offset: 80, size: 10 });
  });
});

describe("an order by blocks", () => {
  it("shows every image once in each pass, in another order", () => {
    const order = sampler();
    const passes = [0, 1, 2].map((pass) => take(order, 20 * pass, 20));
    for (const pass of passes) expect([...pass].sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(new Set(passes.map(String)).size).toBe(3);
  });

  it("is a function of options and position alone, whatever was asked for before", () => {
    const whole = take(sampler(), 0, 60);
    expect(take(sampler(), 33, 27)).toEqual(whole.slice(33));
    const jumping = sampler();
    for (const position of [59, 0, 41, 7, 20, 19, 58]) expect(jumping.at(position)).toBe(whole[position]);
    expect(take(sampler({ seed: 1 }), 0, 60)).not.toEqual(whole);
    expect(take(sampler({ shuffleBytes: 40 }), 0, 60)).not.toEqual(whole);
  });

  it("takes images from no more blocks at a time than the bytes to mix allow", () => {
    const blocks = blocksOf(40, 40);
    const order = take(sampler({ blocks, shuffleBytes: 80 }), 0, 80);
    const windows = Array.from({ length: 10 }, (_, w) => new Set(order.slice(8 * w, 8 * w + 8).map((image) => image >> 2)));
    expect(windows.map(({ size }) => size)).toEqual(Array(10).fill(2));
    // Mixed: the two blocks of a window do not come one after the other.
    expect(order.slice(0, 4).every((image) => image >> 2 === order[0]! >> 2)).toBe(false);
  });

  it("names each block of the next window once to be read in advance, before the first of its images", () => {
    const blocks = blocksOf(9, 8, 3);
    const order = sampler({ blocks });
    const read: number[] = [];
    for (let position = 0; position < 60; position++) {
      for (const { file, offset } of order.readAhead(position)) {
        read.push(Array.from({ length: blocks.count }, (_, b) => b).find((b) => blocks.part(b).file === file && blocks.part(b).offset === offset)!);
      }
      const block = Array.from({ length: blocks.count }, (_, b) => b).findLast((b) => blocks.start(b) <= order.at(position))!;
      if (position >= 20) expect(read).toContain(block);
    }
    const counts = new Map<number, number>();
    for (const block of read) counts.set(block, (counts.get(block) ?? 0) + 1);
    for (let block = 0; block < blocks.count; block++) expect([2, 3, 4]).toContain(counts.get(block));
  });

  it("is shared by processes without overlap, and needs a block for each", () => {
    const shares = [0, 1].map((rank) => new Set(take(sampler({ rank, worldSize: 2 }), 0, 40)));
    expect([...shares[0]!].filter((image) => shares[1]!.has(image))).toEqual([]);
    expect(shares[0]!.size + shares[1]!.size).toBe(20);
    expect(() => sampler({ worldSize: 7 })).toThrow("6 blocks of images cannot be shared by 7 processes");
  });

  it("puts images of the same window in the place of unreadable ones", () => {
    const order = sampler({ blocks: blocksOf(40, 40), shuffleBytes: 80 });
    const window = new Set(take(order, 8, 8));
    const substitutes = Array.from({ length: 20 }, (_, attempt) => order.substitute(11, attempt));
    for (const substitute of substitutes) expect(window).toContain(substitute);
    expect(new Set(substitutes).size).toBeGreaterThan(1);
    expect(order.substitute(11, 3)).toBe(substitutes[3]);
    expect(order.substitutes(11)).toBe(window.size);
  });
});
