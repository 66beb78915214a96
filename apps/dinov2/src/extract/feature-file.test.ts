import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FeatureFile } from "./feature-file.ts";

interface Header {
  [name: string]: { dtype: string; shape: number[]; data_offsets: [number, number] };
}

async function parse(path: string) {
  const bytes = await readFile(path);
  const length = Number(bytes.readBigUInt64LE(0));
  const { __metadata__: metadata, ...tensors } = JSON.parse(bytes.toString("utf8", 8, 8 + length)) as Header;
  const body = bytes.subarray(8 + length);
  const floats = (name: string) => [...new Float32Array(new Uint8Array(body.subarray(...tensors[name]!.data_offsets)).buffer)];
  return { metadata, tensors, body, floats };
}

describe("FeatureFile", () => {
  let folder: string;
  beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), "dinov2-features-"))));
  afterAll(() => rm(folder, { recursive: true }));

  const tensors = [
    { name: "cls", rowShape: [2] },
    { name: "patch", rowShape: [2, 1] },
  ];
  const rows = (...values: number[]) => Float32Array.from(values);

  it("holds the rows of all batches, then the side tensors, without holes", async () => {
    const path = join(folder, "full.safetensors");
    const file = await FeatureFile.create(path, 3, tensors, { source: "pets" });
    await file.append(2, { cls: rows(1, 2, 3, 4), patch: rows(-1, -2, -3, -4) });
    await file.append(1, { cls: rows(5, 6), patch: rows(-5, -6) });
    await file.finish({ labels: { dtype: "I32", shape: [3], data: Int32Array.of(7, 8, 9) } });
    const { metadata, tensors: entries, body, floats } = await parse(path);
    expect(metadata).toEqual({ source: "pets" });
    expect(entries.patch!.shape).toEqual([3, 2, 1]);
    expect(floats("cls")).toEqual([1, 2, 3, 4, 5, 6]);
    expect(floats("patch")).toEqual([-1, -2, -3, -4, -5, -6]);
    expect(entries.labels!.data_offsets).toEqual([48, 60]);
    expect(body.length).toBe(60);
  });

  it("closes the gaps when fewer rows come than planned", async () => {
    const path = join(folder, "short.safetensors");
    const file = await FeatureFile.create(path, 1000, tensors, {});
    await file.append(2, { cls: rows(1, 2, 3, 4), patch: rows(-1, -2, -3, -4) });
    await file.finish();
    const { tensors: entries, body, floats } = await parse(path);
    expect(entries.cls!.shape).toEqual([2, 2]);
    expect(floats("patch")).toEqual([-1, -2, -3, -4]);
    expect(body.length).toBe(32);
  });

  it("leaves nothing behind when it is discarded", async () => {
    const path = join(folder, "inner", "gone.safetensors");
    const file = await FeatureFile.create(path, 1, tensors, {});
    await file.append(1, { cls: rows(1, 2), patch: rows(3, 4) });
    await file.discard();
    expect(await readdir(join(folder, "inner"))).toEqual([]);
  });

  it("refuses rows of another size", async () => {
    const file = await FeatureFile.create(join(folder, "bad.safetensors"), 2, tensors, {});
    await expect(file.append(1, { cls: rows(1), patch: rows(3, 4) })).rejects.toThrow("not 1 rows of [2]");
    await file.discard();
  });
});
