import { describe, expect, it } from "vitest";
import type { ChannelStack } from "../images.ts";
import { DecodedCache } from "./decoded-cache.ts";

/** A picture of one row whose bytes all are `level`. */
const picture = (level: number, width: number): ChannelStack => [{ width, height: 1, data: new Uint8Array(3 * width).fill(level) }];

describe("decoded pictures", () => {
  it("come back as they were, each with its own bytes", () => {
    const cache = new DecodedCache(1 << 20);
    for (let i = 0; i < 100; i++) cache.add(i, picture(i, 1 + i));
    for (let i = 0; i < 100; i++) expect(cache.get(i)).toEqual(picture(i, 1 + i));
  });

  it("are copies that threads can share, many small ones to an allocation", () => {
    const cache = new DecodedCache(16 << 20);
    const original = picture(7, 28 * 28);
    for (let i = 0; i < 3000; i++) cache.add(i, original);
    original[0]!.data.fill(0);
    const buffers = new Set(Array.from({ length: 3000 }, (_, i) => cache.get(i)![0]!.data.buffer));
    expect([...buffers].every((buffer) => buffer instanceof SharedArrayBuffer)).toBe(true);
    // 3,000 · 2,352 bytes in pieces of 4 MiB.
    expect(buffers.size).toBe(2);
    expect(cache.get(0)).toEqual(picture(7, 28 * 28));
  });

  it("lie alone where they are large", () => {
    const cache = new DecodedCache(16 << 20);
    cache.add(0, picture(1, 1 << 20));
    expect(cache.get(0)![0]!.data.buffer.byteLength).toBe(3 << 20);
  });

  it("are kept up to the limit, and none is asked for when one of their size no longer fits", () => {
    const cache = new DecodedCache(1000);
    expect(cache.hasRoom).toBe(true);
    for (let i = 0; i < 3; i++) cache.add(i, picture(i, 100));
    expect([cache.get(2) !== undefined, cache.hasRoom]).toEqual([true, false]);
    cache.add(3, picture(3, 100));
    expect(cache.get(3)).toBeUndefined();
  });

  it("are not asked for where there is no memory for them", () => {
    expect(new DecodedCache(0).hasRoom).toBe(false);
  });
});
