import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InputError } from "@dinov2/foundation";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openSafetensors, readSafetensorsHeader } from "./reader.ts";
import { writeSafetensors } from "./writer.ts";
import type { SafetensorsTensor } from "./writer.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "safetensors-"));
});
afterAll(() => rm(folder, { recursive: true }));

const pathOf = (name: string) => join(folder, `${name}.safetensors`);

async function readAll(path: string) {
  const file = await openSafetensors(path);
  try {
    return Object.fromEntries(await Promise.all(file.names().map(async (name) => [name, await file.read(name)])));
  } finally {
    await file.close();
  }
}

/** A file by its parts: the header as text or as an object, and the bytes after it. */
async function forge(header: unknown, data: Uint8Array = new Uint8Array(), announcedLength?: bigint): Promise<string> {
  const text = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(announcedLength ?? BigInt(text.length));
  const path = pathOf("forged");
  await writeFile(path, Buffer.concat([length, text, data]));
  return path;
}

const float = (shape: unknown, offsets: unknown) => ({ dtype: "F32", shape, data_offsets: offsets });

describe("a written safetensors file", () => {
  it("gives back every dtype, in the order written", async () => {
    const path = pathOf("all");
    const tensors: Record<string, SafetensorsTensor> = {
      bytes: { shape: [3], data: Uint8Array.of(0, 7, 255) },
      doubles: { shape: [2, 1], data: Float64Array.of(Math.PI, -1e300) },
      floats: { shape: [2, 2], data: Float32Array.of(1.5, -0, Infinity, 1e-40) },
      flags: { dtype: "BOOL", shape: [2], data: Uint8Array.of(0, 9) },
      shorts: { shape: [1], data: Int16Array.of(-32768) },
      tiny: { shape: [1], data: Int8Array.of(-128) },
      ints: { shape: [], data: Int32Array.of(-2147483648) },
      longs: { dtype: "I64", shape: [2], data: Float64Array.of(2 ** 53 - 1, -5) },
      halves: { dtype: "F16", shape: [3], data: Float32Array.of(0.1, 65504, 6e-8) },
      brains: { dtype: "BF16", shape: [2], data: Float32Array.of(0.1, -3) },
      nothing: { shape: [0, 4], data: new Float32Array(0) },
    };
    await writeSafetensors(path, tensors, { model: '{"a":1}' });
    const { metadata, tensors: infos } = await readSafetensorsHeader(path);
    expect(metadata).toEqual({ model: '{"a":1}' });
    expect([...infos.keys()]).toEqual(Object.keys(tensors));
    expect(infos.get("floats")).toEqual({ dtype: "F32", shape: [2, 2] });
    expect(await readAll(path)).toEqual({
      ...Object.fromEntries(Object.entries(tensors).map(([name, { data }]) => [name, data])),
      flags: Uint8Array.of(0, 1),
      // 0.1 in binary16 is 0x2e66, in bfloat16 0x3dcd; 6e-8 is the smallest subnormal, 2^-24.
      halves: Float32Array.of(1638 / 2 ** 14, 65504, 2 ** -24),
      brains: Float32Array.of(205 / 2 ** 11, -3),
    });
  });

  it("has its data at a multiple of 8 bytes and each tensor aligned to its element", async () => {
    const path = pathOf("aligned");
    await writeSafetensors(path, {
      odd: { shape: [3], data: new Uint8Array(3) },
      wide: { shape: [1], data: new Float64Array(1) },
      float: { shape: [1], data: new Float32Array(1) },
    });
    const bytes = await readFile(path);
    const headerLength = Number(bytes.readBigUInt64LE());
    expect(headerLength % 8).toBe(0);
    const header = JSON.parse(bytes.toString("utf8", 8, 8 + headerLength));
    expect([header.wide, header.float, header.odd].map((entry) => entry.data_offsets)).toEqual([[0, 8], [8, 12], [12, 15]]);
  });

  it("takes values from functions, one after the other, and from a Map", async () => {
    const order: string[] = [];
    const lazy = (name: string): SafetensorsTensor => ({
      shape: [1],
      data: async () => {
        order.push(name);
        return Float32Array.of(name.length);
      },
    });
    await writeSafetensors(pathOf("lazy"), new Map([["bb", lazy("bb")], ["a", lazy("a")]]));
    expect(order).toEqual(["bb", "a"]);
    expect(await readAll(pathOf("lazy"))).toEqual({ bb: Float32Array.of(2), a: Float32Array.of(1) });
  });

  it("converts in blocks without a seam", async () => {
    const values = Float32Array.from({ length: (1 << 20) + 3 }, (_, i) => i % 2048);
    await writeSafetensors(pathOf("long"), { x: { dtype: "F16", shape: [values.length], data: values } });
    const read = (await readAll(pathOf("long"))).x as Float32Array;
    expect(read.findIndex((value, i) => value !== values[i])).toBe(-1);
    expect(read).toHaveLength(values.length);
  });

  it("gives some rows of a tensor, and refuses rows that it does not have", async () => {
    const path = pathOf("rows");
    await writeSafetensors(path, { x: { shape: [3, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6) } });
    const file = await openSafetensors(path);
    expect([...(await file.readRows("x", 1, 3))]).toEqual([3, 4, 5, 6]);
    await expect(file.readRows("x", 2, 4)).rejects.toThrow("Rows 2 to 4");
    await file.close();
  });

  it("is not touched when the new content fails half way", async () => {
    const path = pathOf("kept");
    await writeSafetensors(path, { x: { shape: [1], data: Float32Array.of(1) } });
    const failing = writeSafetensors(path, { x: { shape: [2], data: Float32Array.of(1) } });
    await expect(failing).rejects.toThrow('Tensor "x" has 1 values, and its shape [2] has 2.');
    expect((await readAll(path)).x).toEqual(Float32Array.of(1));
    expect((await readdir(folder)).filter((name) => name.includes("partial"))).toEqual([]);
  });

  it("says which tensor is missing, and names the nearest", async () => {
    await writeSafetensors(pathOf("near"), { "norm.weight": { shape: [1], data: Float32Array.of(1) } });
    const file = await openSafetensors(pathOf("near"));
    await expect(file.read("norm.weigth")).rejects.toThrow('has no tensor "norm.weigth"; did you mean "norm.weight"?');
    await file.close();
  });
});

const damaged: readonly (readonly [what: string, make: () => Promise<string>, message: string])[] = [
  ["an empty file", async () => (await writeFile(pathOf("empty"), ""), pathOf("empty")), "it has 0 bytes"],
  ["a PNG", async () => (await writeFile(pathOf("png"), "\x89PNG\r\n\x1a\n........"), pathOf("png")), "announces a header of"],
  ["a header of 2^63 bytes", () => forge("{}", undefined, 2n ** 63n), "announces a header of 9223372036854775808 bytes"],
  ["a header longer than the file", () => forge("{}", undefined, 3n), "announces a header of 3 bytes where at most 2 fit"],
  ["a header that is not JSON", () => forge("{x}"), "its header is not JSON"],
  ["deeply nested JSON", () => forge("[".repeat(1_000_000)), "its header is not JSON"],
  ["an array for a header", () => forge("[]"), "its header is not a JSON object"],
  ["null for a header", () => forge("null"), "its header is not a JSON object"],
  ["a number for a tensor", () => forge({ x: 1 }), 'tensor "x" is not described by an object'],
  ["an unknown dtype", () => forge({ x: { dtype: "F7", shape: [1], data_offsets: [0, 4] } }), 'has dtype "F7"'],
  ["a dtype from the prototype", () => forge({ x: { dtype: "toString", shape: [], data_offsets: [0, 4] } }), "has dtype"],
  ["a shape that is no list", () => forge({ x: float(4, [0, 16]) }, new Uint8Array(16)), "has shape 4"],
  ["a negative size", () => forge({ x: float([-1, -4], [0, 16]) }, new Uint8Array(16)), "has shape [-1,-4]"],
  ["a fractional size", () => forge({ x: float([0.5], [0, 2]) }, new Uint8Array(2)), "has shape [0.5]"],
  ["negative offsets", () => forge({ x: float([1], [-4, 0]) }), "has data_offsets [-4,0]"],
  ["offsets that run backwards", () => forge({ x: float([1], [4, 0]) }, new Uint8Array(4)), "has data_offsets [4,0]"],
  ["a missing offset", () => forge({ x: float([1], [0]) }, new Uint8Array(4)), "has data_offsets [0]"],
  ["a shape too large for its bytes", () => forge({ x: float([2], [0, 4]) }, new Uint8Array(4)), "takes 4 bytes, and F32 [2] needs 8"],
  ["a shape whose product overflows", () => forge({ x: float([2 ** 40, 2 ** 40], [0, 4]) }, new Uint8Array(4)), "takes 4 bytes"],
  ["a terabyte that is not there", () => forge({ x: float([2 ** 38], [0, 2 ** 40]) }), "ends 1099511627776 bytes after the file does"],
  ["overlapping tensors", () => forge({ x: float([2], [0, 8]), y: float([1], [4, 8]) }, new Uint8Array(8)), 'tensor "y" overlaps'],
  ["a hole", () => forge({ x: float([1], [4, 8]) }, new Uint8Array(8)), "no tensor covers the 4 bytes"],
  ["bytes at the end", () => forge({ x: float([1], [0, 4]) }, new Uint8Array(9)), "5 bytes at its end"],
  ["a name twice", () => forge(`{"x":${JSON.stringify(float([0], [0, 0]))},"\\u0078":{}}`), 'the name "x" is there twice'],
  ["metadata that is no text", () => forge({ __metadata__: { a: 1 } }), 'its metadata "a" is not text'],
];

describe("a damaged safetensors file", () => {
  it.each(damaged)("is refused: %s", async (_, make, message) => {
    const path = await make();
    const error = await openSafetensors(path).then(() => undefined, (reason: unknown) => reason);
    expect(error).toBeInstanceOf(InputError);
    expect((error as Error).message).toContain(path);
    expect((error as Error).message).toContain(message);
    expect((error as Error).message).not.toContain("\n");
  });

  it("is refused when it was cut off", async () => {
    const path = pathOf("cut");
    await writeSafetensors(path, { x: { shape: [100], data: new Float32Array(100) } });
    const whole = await readFile(path);
    for (const length of [4, 20, whole.length - 400, whole.length - 1]) {
      await writeFile(path, whole.subarray(0, length));
      await expect(openSafetensors(path)).rejects.toThrow(InputError);
    }
  });

  it("is refused when it shrinks after it was opened", async () => {
    const path = pathOf("shrinking");
    await writeSafetensors(path, { x: { shape: [100], data: new Float32Array(100) } });
    const file = await openSafetensors(path);
    await writeFile(path, (await readFile(path)).subarray(0, (await stat(path)).size - 8));
    await expect(file.read("x")).rejects.toThrow("it is incomplete");
    await file.close();
  });

  it("is told from a missing file and from a folder", async () => {
    await expect(openSafetensors(pathOf("absent"))).rejects.toThrow(`There is no file ${pathOf("absent")}.`);
    await expect(openSafetensors(folder)).rejects.toThrow(`${folder} is not a file`);
  });

  it("with an integer beyond 2^53 is an error where it is read, not a wrong number", async () => {
    const data = Buffer.alloc(8);
    data.writeBigInt64LE(2n ** 53n + 1n);
    const file = await openSafetensors(await forge({ x: { dtype: "I64", shape: [1], data_offsets: [0, 8] } }, data));
    await expect(file.read("x")).rejects.toThrow("the integer 9007199254740993 is larger than 2^53");
    await file.close();
  });

  it("may hold a metadata text of many megabytes", async () => {
    const text = 'a"\\'.repeat(4_000_000);
    const path = await forge({ __metadata__: { text } });
    expect((await readSafetensorsHeader(path)).metadata.text).toHaveLength(12_000_000);
  });
});
