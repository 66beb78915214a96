// The file is decoded here by the formats' descriptions, apart from the code that writes it: bit by bit for the checksum, field by
// field for the protocol buffers.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../testing-folder.ts";
import { crc32c } from "./crc32c.ts";
import { EventFile } from "./event-file.ts";

describe("crc32c", () => {
  it("gives the values of RFC 3720, appendix B.4", () => {
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
    expect(crc32c(Buffer.from("123456789"))).toBe(0xe3069283);
  });
});

/** Division of polynomials, a bit at a time. */
function checksum(bytes: Uint8Array): number {
  let crc = 0xffffffffn;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ 0x82f63b78n : crc >> 1n;
  }
  crc ^= 0xffffffffn;
  return Number((((crc >> 15n) | (crc << 17n)) + 0xa282ead8n) & 0xffffffffn);
}

function readRecords(file: Buffer): Buffer[] {
  const records: Buffer[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    expect(file.readUInt32LE(at + 8)).toBe(checksum(file.subarray(at, at + 8)));
    const data = file.subarray(at + 12, at + 12 + length);
    expect(file.readUInt32LE(at + 12 + length)).toBe(checksum(data));
    records.push(data);
    at += 16 + length;
  }
  return records;
}

/** The fields of a message in order; bytes as they are. */
function readFields(data: Buffer): [field: number, value: number | Buffer][] {
  let at = 0;
  const varint = () => {
    let [value, shift] = [0, 0];
    for (; data[at]! > 127; shift += 7) value += (data[at++]! & 127) * 2 ** shift;
    return value + data[at++]! * 2 ** shift;
  };
  const skip = (count: number) => (at += count) - count;
  const fields: [number, number | Buffer][] = [];
  while (at < data.length) {
    const key = varint();
    const type = key & 7;
    if (type === 0) fields.push([key >> 3, varint()]);
    else if (type === 1) fields.push([key >> 3, data.readDoubleLE(skip(8))]);
    else if (type === 5) fields.push([key >> 3, data.readFloatLE(skip(4))]);
    else {
      const length = varint();
      fields.push([key >> 3, data.subarray(skip(length), at)]);
    }
  }
  return fields;
}

/** What a file says: its events as the numbers of their fields and what these hold, without times. */
async function readEvents(folder: string) {
  const [name] = await readdir(folder);
  return readRecords(await readFile(join(folder, name!))).map((record) => {
    const [time, ...fields] = readFields(record);
    expect(time![0]).toBe(1);
    expect(Math.abs((time![1] as number) - Date.now() / 1000)).toBeLessThan(60);
    return fields.map(([field, value]) => {
      if (field === 5) return readFields(value as Buffer).map(([, scalar]) => readFields(scalar as Buffer).map(([, v]) => String(v)));
      return [field, Buffer.isBuffer(value) ? value.toString("latin1") : value];
    });
  });
}

describe("EventFile", () => {
  const newFolder = async () => join(await temporaryFolder(), "tensorboard");
  /** session_log { status: START }, at the first step to come. */
  const start = (step: number) => [[2, step], [7, "\u0008\u0001"]];
  const unexpected = (message: string) => expect.unreachable(message);

  it("holds a version and a start, then every record's measures under their group", async () => {
    const folder = await newFolder();
    const file = await EventFile.create(folder, 0, unexpected);
    await file.write({ step: 1, total_loss: 11.5, learning_rate: 0, knn_top1: 0.25 });
    await file.write({ step: 70000, step_seconds: -2 });
    await file.close();
    expect(await readEvents(folder)).toEqual([
      [[3, "brain.Event:2"]],
      start(1),
      [[2, 1], [["loss/total_loss", "11.5"], ["schedule/learning_rate", "0"], ["knn/knn_top1", "0.25"]]],
      [[2, 70000], [["run/step_seconds", "-2"]]],
    ]);
  });

  it("says in a resumed run which steps are told again", async () => {
    const folder = await newFolder();
    await (await EventFile.create(folder, 300, unexpected)).close();
    expect(await readEvents(folder)).toEqual([[[3, "brain.Event:2"]], start(301)]);
  });
});
