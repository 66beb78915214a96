import { RandomStream } from "@dinov2/foundation";
import { describe, expect, it } from "vitest";
import { generateBlockMask, maxBlockPatches } from "./masking.ts";

const options = { height: 16, width: 16, maxBlockPatches: 128 };
const ones = (mask: Uint8Array) => mask.reduce((a, b) => a + b, 0);

describe("a block mask", () => {
  it("counts what it masks and never masks more than asked", () => {
    const random = RandomStream.fromSeed(0);
    for (let target = 0; target <= 256; target += 8) {
      const { mask, maskedCount, blocks } = generateBlockMask(options, target, random);
      expect(ones(mask)).toBe(maskedCount);
      expect(maskedCount).toBeLessThanOrEqual(target);
      expect(blocks.length > 0).toBe(target > 0);
    }
  });

  it("is the union of its blocks, each smaller than the grid", () => {
    const { mask, blocks } = generateBlockMask(options, 100, RandomStream.fromSeed(1));
    const union = new Uint8Array(256);
    for (const { top, left, height, width } of blocks) {
      expect(Math.max(height, width)).toBeLessThan(16);
      for (let y = top; y < top + height; y++) union.fill(1, y * 16 + left, y * 16 + left + width);
    }
    expect(mask).toEqual(union);
  });

  it("reaches the target exactly when asked to", () => {
    const random = RandomStream.fromSeed(2);
    for (let i = 0; i < 300; i++) {
      const { maskedCount, mask } = generateBlockMask({ ...options, exactCount: true }, 77, random);
      expect([maskedCount, ones(mask)]).toEqual([77, 77]);
    }
  });

  it("sometimes stops short without that", () => {
    const random = RandomStream.fromSeed(2);
    const short = Array.from({ length: 300 }, () => generateBlockMask(options, 77, random).maskedCount < 77);
    expect(short).toContain(true);
    expect(short.filter(Boolean).length).toBeLessThan(60);
  });

  it("ends on a grid of one patch, where no block fits", () => {
    const tiny = { height: 1, width: 1, maxBlockPatches: 1 };
    expect(generateBlockMask(tiny, 1, RandomStream.fromSeed(0)).maskedCount).toBe(0);
    expect(generateBlockMask({ ...tiny, exactCount: true }, 1, RandomStream.fromSeed(0)).maskedCount).toBe(1);
  });
});

it("the largest block is floored from left to right", () => {
  expect([[224, 14], [224, 16], [98, 14], [518, 14]].map(([size, patch]) => maxBlockPatches(size!, patch!))).toEqual([128, 98, 21, 666]);
});
