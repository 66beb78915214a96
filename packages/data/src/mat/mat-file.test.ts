import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../testing.ts";
import { readMatFile } from "./mat-file.ts";
import { compressed, double, int32, int8, matArray, matBytes, matCells, matChars, matDoubles, matElement, matFile, matPacked, matStructs, smallMatElement, uint16, uint32 } from "./testing.ts";

const read = async (content: Uint8Array) => readMatFile(join(await temporaryFolder({ "x.mat": content }), "x.mat"));

describe("readMatFile", () => {
  it("reads numbers, texts, cells and structs, compressed or not", async () => {
    const variables = [matDoubles("a", 1.5, -2), matBytes("b", 7, 250, 3), matChars("c", "Größe"), matCells("d", matChars("", "x"), matDoubles("", 3), matDoubles("")), matStructs("e", ["f", "g"], matDoubles("", 1), matChars("", "p"), matDoubles("", 2), matChars("", "q"))];
    for (const content of [matFile(...variables), matFile(...variables.map(matPacked))]) {
      const found = await read(content);
      expect(Object.fromEntries(found)).toEqual({
        a: Float64Array.of(1.5, -2),
        b: Float64Array.of(7, 250, 3),
        c: "Größe",
        d: ["x", Float64Array.of(3), new Float64Array(0)],
        e: [new Map<string, unknown>([["f", Float64Array.of(1)], ["g", "p"]]), new Map<string, unknown>([["f", Float64Array.of(2)], ["g", "q"]])],
      });
    }
  });

  const nested = (depth: number): Buffer => (depth === 0 ? matDoubles("", 1) : matCells("", nested(depth - 1)));
  it.each([
    ["another file", Buffer.from("no"), /it has not the header of one/],
    ["version 7.3", Buffer.concat([Buffer.alloc(124), Buffer.from("\0\x02IM", "latin1")]), /version 7\.3; save it with -v7/],
    ["a variable that breaks off", matFile(matDoubles("a", 1, 2)).subarray(0, 190), /it breaks off/],
    ["fewer numbers than it says", matFile(matArray(6, [1, 9], "a", matElement(double, Buffer.alloc(16)))), /an array of 2 elements, and says 9/],
    ["more cells than there are", matFile(matArray(1, [1, 1 << 30], "a", matDoubles("", 1))), /an array of 1 elements, and says 1073741824/],
    ["structs without fields", matFile(matArray(2, [1, 1 << 30], "a", smallMatElement(int32, uint32(32)), matElement(int8, Buffer.alloc(0)))), /structs without names of fields/],
    ["a text of several lines", matFile(matArray(4, [2, 3], "a", matElement(uint16, Buffer.alloc(12)))), /an array of class 4; expected .* texts of one line/],
    ["functions", matFile(matArray(16, [1, 1], "a")), /an array of class 16; expected real numbers/],
    ["cells in cells without end", matFile(nested(20)), /more than 8 deep/],
    ["damaged compression", matFile(matElement(compressed, Buffer.alloc(24, 1))), /x\.mat cannot be read as a MATLAB file of version 5/],
  ])("refuses %s", async (_, content, message) => {
    await expect(read(content)).rejects.toThrow(message);
  });
});
