import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../../testing.ts";
import { readMatFile } from "./mat-file.ts";
import { openClassificationSet } from "./open-classification-set.ts";

// Files in the words of "MAT-File Format", level 5: a tag of type and bytes, then data filled up to a multiple of 8.
const uint32 = (...values: number[]) => Buffer.from(Uint32Array.from(values).buffer);
const element = (type: number, data: Uint8Array) => Buffer.concat([uint32(type, data.length), data, Buffer.alloc((8 - (data.length % 8)) % 8)]);
/** Up to four bytes, in a tag of its own. */
const small = (type: number, data: Uint8Array) => Buffer.concat([uint32((data.length << 16) | type), data, Buffer.alloc(4 - data.length)]);
const [int8, uint8, uint16, int32, uint32Type, double, matrixType, compressed] = [1, 2, 4, 5, 6, 9, 14, 15];

const array = (kind: number, sizes: readonly number[], name: string, ...content: Buffer[]) =>
  element(matrixType, Buffer.concat([element(uint32Type, uint32(kind, 0)), element(int32, uint32(...sizes)), element(int8, Buffer.from(name)), ...content]));
const doubles = (name: string, ...values: number[]) => array(6, [1, values.length], name, element(double, new Uint8Array(Float64Array.from(values).buffer)));
/** Class uint8. */
const bytes = (name: string, ...values: number[]) => array(9, [1, values.length], name, values.length > 4 ? element(uint8, Uint8Array.from(values)) : small(uint8, Uint8Array.from(values)));
const chars = (name: string, text: string) => array(4, [1, text.length], name, element(uint16, Buffer.from(text, "utf16le")));
const cells = (name: string, ...values: Buffer[]) => array(1, [1, values.length], name, ...values);
const structs = (name: string, fields: readonly string[], ...values: Buffer[]) =>
  array(2, [1, values.length / fields.length], name, small(int32, uint32(32)), element(int8, Buffer.concat(fields.map((field) => Buffer.from(field.padEnd(32, "\0"))))), ...values);

const file = (...variables: Buffer[]) => Buffer.concat([Buffer.from("MATLAB 5.0 MAT-file, Platform: GLNX86".padEnd(124)), Buffer.from("\0\x01IM", "latin1"), ...variables]);
/** As MATLAB saves by itself: each variable compressed, and not filled up. */
const packed = (variable: Buffer) => {
  const data = deflateSync(variable);
  return Buffer.concat([uint32(compressed, data.length), data]);
};

const read = async (content: Uint8Array) => readMatFile(join(await temporaryFolder({ "x.mat": content }), "x.mat"));

describe("readMatFile", () => {
  it("reads numbers, texts, cells and structs, compressed or not", async () => {
    const variables = [doubles("a", 1.5, -2), bytes("b", 7, 250, 3), chars("c", "Größe"), cells("d", chars("", "x"), doubles("", 3), doubles("")), structs("e", ["f", "g"], doubles("", 1), chars("", "p"), doubles("", 2), chars("", "q"))];
    for (const content of [file(...variables), file(...variables.map(packed))]) {
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

  const nested = (depth: number): Buffer => (depth === 0 ? doubles("", 1) : cells("", nested(depth - 1)));
  it.each([
    ["another file", Buffer.from("no"), /it has not the header of one/],
    ["version 7.3", Buffer.concat([Buffer.alloc(124), Buffer.from("\0\x02IM", "latin1")]), /version 7\.3; save it with -v7/],
    ["a variable that breaks off", file(doubles("a", 1, 2)).subarray(0, 190), /it breaks off/],
    ["fewer numbers than it says", file(array(6, [1, 9], "a", element(double, Buffer.alloc(16)))), /an array of 2 elements, and says 9/],
    ["more cells than there are", file(array(1, [1, 1 << 30], "a", doubles("", 1))), /an array of 1 elements, and says 1073741824/],
    ["structs without fields", file(array(2, [1, 1 << 30], "a", small(int32, uint32(32)), element(int8, Buffer.alloc(0)))), /structs without names of fields/],
    ["functions", file(array(16, [1, 1], "a")), /an array of class 16; expected real numbers/],
    ["cells in cells without end", file(nested(20)), /more than 8 deep/],
    ["damaged compression", file(element(compressed, Buffer.alloc(24, 1))), /x\.mat cannot be read as a MATLAB file of version 5/],
  ])("refuses %s", async (_, content, message) => {
    await expect(read(content)).rejects.toThrow(message);
  });
});

describe("Flowers-102", () => {
  const images = Object.fromEntries([1, 2, 3, 4].map((n) => [`jpg/image_0000${n}.jpg`, ""]));
  const setid = file(packed(doubles("trnid", 2)), packed(doubles("valid", 4)), packed(doubles("tstid", 1, 3)));

  it("has classes by number of image, and numbers of each side", async () => {
    const folder = await temporaryFolder({ ...images, "imagelabels.mat": file(packed(bytes("labels", 77, 9, 10, 77))), "setid.mat": setid });
    const dataset = await openClassificationSet(`flowers102:${folder}`);
    const rows = Array.from({ length: 4 }, (_, i) => [dataset.name(i), dataset.classNames[dataset.label(i)!], dataset.column!("split")![i]]);
    expect(rows).toEqual([["jpg/image_00002.jpg", "9", "train"], ["jpg/image_00004.jpg", "77", "val"], ["jpg/image_00001.jpg", "77", "test"], ["jpg/image_00003.jpg", "10", "test"]]);
    expect([dataset.classNames, dataset.metric]).toEqual([["9", "10", "77"], "meanPerClass"]);
  });

  it("refuses numbers of images that have no class, or other variables", async () => {
    const few = await temporaryFolder({ ...images, "imagelabels.mat": file(bytes("labels", 1, 2)), "setid.mat": setid });
    await expect(openClassificationSet(`flowers102:${few}`)).rejects.toThrow(/setid\.mat has image 4, and .*imagelabels\.mat 2 classes/);
    const other = await temporaryFolder({ ...images, "imagelabels.mat": file(bytes("classes", 1, 2)), "setid.mat": setid });
    await expect(openClassificationSet(`flowers102:${other}`)).rejects.toThrow(/imagelabels\.mat has no whole numbers "labels"/);
  });
});

it("Stanford Cars has a struct for each image, whose class counts from 1", async () => {
  const fields = ["relative_im_path", "bbox_x1", "class", "test"];
  const annotation = (path: string, label: number, test: number) => [chars("", path), doubles("", 30), bytes("", label), bytes("", test)];
  const annotations = structs("annotations", fields, ...annotation("car_ims/000001.jpg", 2, 0), ...annotation("car_ims/000002.jpg", 1, 1));
  const annos = file(packed(annotations), packed(cells("class_names", chars("", "AM General Hummer SUV 2000"), chars("", "Acura RL Sedan 2012"))));
  const folder = await temporaryFolder({ "cars_annos.mat": annos, "car_ims/000001.jpg": "", "car_ims/000002.jpg": "" });
  const dataset = await openClassificationSet(`cars:${folder}`);
  const rows = [0, 1].map((i) => [dataset.name(i), dataset.classNames[dataset.label(i)!], dataset.column!("split")![i]]);
  expect(rows).toEqual([["car_ims/000001.jpg", "Acura RL Sedan 2012", "train"], ["car_ims/000002.jpg", "AM General Hummer SUV 2000", "test"]]);
});
