import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readPlainPickle } from "./numpy-pickle.ts";
import { openRevisited } from "./revisited-dataset.ts";

// Pickles as Python 2 writes them with protocol 2, in the instructions of pickletools.
const latin1 = (text: string) => Buffer.from(text, "latin1");
const str = (text: string) => Buffer.concat([latin1("U"), Buffer.of(text.length), latin1(text)]);
const small = (value: number) => Buffer.concat([latin1("K"), Buffer.of(value)]);
const list = (...items: Buffer[]) => Buffer.concat([latin1("]("), ...items, latin1("e")]);
const dict = (items: Readonly<Record<string, Buffer>>) =>
  Buffer.concat([latin1("}("), ...Object.entries(items).flatMap(([key, value]) => [str(key), value]), latin1("u")]);
const float = (value: number) => {
  const bytes = Buffer.alloc(9, "G");
  bytes.writeDoubleBE(value, 1);
  return bytes;
};
/** int64 of one axis: _reconstruct(ndarray, (0,), "b"), then the state (1, shape, dtype, False, bytes). */
function ndarray(...values: number[]): Buffer {
  const bytes = Buffer.alloc(8 * values.length);
  values.forEach((value, i) => bytes.writeBigInt64LE(BigInt(value), 8 * i));
  const dtype = [latin1("cnumpy\ndtype\n"), str("i8"), small(0), small(1), latin1("\x87R("), small(3), str("<"), latin1("NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff"), small(0), latin1("tb")];
  const start = [latin1("cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n"), small(0), latin1("\x85"), str("b"), latin1("\x87R(")];
  return Buffer.concat([...start, small(1), small(values.length), latin1("\x85"), ...dtype, latin1("\x89"), str(bytes.toString("latin1")), latin1("tb")]);
}
const pickle = (value: Buffer) => Buffer.concat([latin1("\x80\x02"), value, latin1(".")]);

const query = (changes: Readonly<Record<string, Buffer>> = {}) =>
  dict({ bbx: list(float(2), float(1), float(6.2), float(4)), easy: ndarray(2, 0), hard: list(small(1)), junk: latin1("]"), ...changes });
const groundTruth = (...queries: Buffer[]) =>
  pickle(dict({ imlist: list(str("a_000001"), str("a_000002"), str("b_000001")), qimlist: list(str("b_000001")), gnd: list(...queries) }));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dinov2-revisited-"));
  await mkdir(join(folder, "jpg"));
  for (const name of ["a_000001", "a_000002", "b_000001"]) {
    // The left half is black, the right one white.
    const pixels = Uint8Array.from({ length: 3 * 8 * 6 }, (_, i) => (Math.floor(i / 3) % 8 < 4 ? 0 : 255));
    await sharp(pixels, { raw: { width: 8, height: 6, channels: 3 } }).jpeg({ quality: 100 }).toFile(join(folder, "jpg", `${name}.jpg`));
  }
});
afterAll(() => rm(folder, { recursive: true }));

const open = async (bytes: Uint8Array) => {
  await writeFile(join(folder, "gnd_roxford5k.pkl"), bytes);
  return openRevisited(`roxford5k:${folder}`);
};

describe("openRevisited", () => {
  it("reads names, boxes and numbers of images, as lists or as numpy's arrays", async () => {
    const dataset = await open(groundTruth(query()));
    expect([dataset.gallery.length, dataset.gallery.name(1), dataset.queryCount, dataset.queryName(0)]).toEqual([3, "a_000002", 1, "b_000001"]);
    expect(dataset.relevance(0)).toMatchObject({ easy: [2, 0], hard: [1], junk: [] });
  });

  it("cuts the query out by its box", async () => {
    const { width, height, data } = await (await open(groundTruth(query()))).readQuery(0);
    expect([width, height]).toEqual([4, 3]);
    // Columns 2 to 5 of 8, of which the first two are black.
    const row = Array.from({ length: 4 }, (_, x) => (data[3 * x]! < 128 ? 0 : 1));
    expect(row).toEqual([0, 0, 1, 1]);
  });

  it("reads the same as JSON where there is no pickle", async () => {
    await rm(join(folder, "gnd_roxford5k.pkl"), { force: true });
    const value = { imlist: ["a_000001"], qimlist: ["b_000001"], gnd: [{ bbx: [0, 0, 8, 6], easy: [0], hard: [], junk: [] }] };
    await writeFile(join(folder, "gnd_roxford5k.json"), JSON.stringify(value));
    expect((await openRevisited(`roxford5k:${folder}`)).relevance(0).easy).toEqual([0]);
    await rm(join(folder, "gnd_roxford5k.json"));
  });

  it.each([
    ["a number of no image", groundTruth(query({ hard: list(small(3)) })), /gnd_roxford5k\.pkl, query b_000001: "hard" is no list of numbers below 3\./],
    ["no box", groundTruth(query({ bbx: list(small(1)) })), /"bbx" is not four numbers/],
    ["fewer entries than queries", groundTruth(), /the last two of one length/],
    ["an image that is not there", pickle(dict({ imlist: list(str("c")), qimlist: list(str("c")), gnd: list(query({ easy: latin1("]"), hard: latin1("]") })) })), /has no c\.jpg, which .*gnd_roxford5k\.pkl names/],
    ["code to run", pickle(Buffer.concat([latin1("cos\nsystem\n"), str("ls"), latin1("\x85R")])), /os\.system, which is not read/],
    ["a broken end", groundTruth(query()).subarray(0, 90), /is damaged: its pickle breaks off/],
  ])("refuses %s", async (_, bytes, message) => {
    await expect(open(bytes)).rejects.toThrow(message);
  });

  it("says which files it looked for", async () => {
    await expect(openRevisited(`rparis6k:${folder}`)).rejects.toThrow(/neither .*gnd_rparis6k\.pkl nor .*gnd_rparis6k\.json/);
  });
});

describe("readPlainPickle", () => {
  it("reads protocol 0, whose instructions are lines", () => {
    expect(readPlainPickle(latin1("(dp0\nS'a'\np1\n(lp2\nI7\naF1.5\naI01\naL3L\naVb\nasg1\nNs."), "x")).toEqual({ a: null });
    expect(readPlainPickle(latin1("(lp0\nI7\naF1.5\naI01\naL3L\naVb\na."), "x")).toEqual([7, 1.5, true, 3, "b"]);
  });
});
