import { mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodePng, type ImageDataset } from "@dinov2/data";
import { RandomStream } from "@dinov2/foundation";
import { tf, useBackend } from "@dinov2/tensor";
import { vitConfig, VisionTransformer } from "@dinov2/vit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { vitBackbone } from "./backbone.ts";
import { FeatureStore } from "./feature-store.ts";
import { extractFeatures } from "./features.ts";
import { filesFingerprint } from "./files-fingerprint.ts";
import { linearInputs } from "./linear-inputs.ts";

const config = vitConfig("tiny", { imageSize: 16, patchSize: 8, embedDim: 16, depth: 3, numHeads: 2 });
const spoilt = 4;
let root: string;
let folder: string;
let vit: VisionTransformer;

/** 11 pictures of noise, one of which is none; those before `readable` must not be read: their files only look the same from outside. */
const dataset = (readable = 0): ImageDataset => ({
  length: 11,
  name: (i) => `picture ${i}`,
  label: () => undefined,
  source: (i) => join(root, i < readable ? `${i}.zeros` : `${i}.png`),
});

const written = new Date("2020-01-01T00:00:00Z");

async function write(name: string, bytes: string | Uint8Array, changed = written): Promise<void> {
  await writeFile(join(root, name), bytes);
  await utimes(join(root, name), changed, changed);
}

beforeAll(async () => {
  await useBackend({ name: "cpu" });
  root = await mkdtemp(join(tmpdir(), "dinov2-store-"));
  const random = RandomStream.fromSeed(2);
  for (let i = 0; i < 11; i++) {
    const data = Uint8Array.from({ length: 3 * 20 * 20 }, () => random.integer(256));
    const bytes = i === spoilt ? Buffer.from("nothing") : await encodePng({ width: 20, height: 20, data });
    await write(`${i}.png`, bytes);
    await write(`${i}.zeros`, new Uint8Array(bytes.length));
  }
  vit = VisionTransformer.create(config, RandomStream.fromSeed(3));
});
afterAll(() => rm(root, { recursive: true }));
beforeEach(async () => (folder = await mkdtemp(join(root, "features-"))));

const worst = (a: Float32Array, b: Float32Array) => a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!)), a.length === b.length ? 0 : Infinity);

describe("FeatureStore", () => {
  it("gives what extraction gives, the second time without the images, and says again what was left out", async () => {
    const [backbone, store] = [vitBackbone("fresh", vit), new FeatureStore(folder, { shardImages: 4 })];
    const before = tf.memory().numTensors;
    const expected = await extractFeatures(backbone, dataset());
    for (const readable of [0, 11]) {
      const skipped: string[] = [];
      const { features, rows } = await extractFeatures(backbone, dataset(readable), { store, batchSize: 3, skipped: (name) => skipped.push(name) });
      expect([...rows]).toEqual([0, 1, 2, 3, 5, 6, 7, 8, 9, 10]);
      expect(worst(features.values, expected.features.values)).toBeLessThan(1e-5); // rounding in batches of other sizes
      expect(skipped).toEqual([`picture ${spoilt}`]);
    }
    expect(tf.memory().numTensors).toBe(before);
  });

  it("goes on where it was stopped", async () => {
    const [backbone, store] = [vitBackbone("fresh", vit), new FeatureStore(folder, { shardImages: 4 })];
    const stop = (_: string, done: number) => {
      if (done > 8) throw new Error("stopped");
    };
    await expect(store.features(backbone, dataset(), { batchSize: 2, progress: stop })).rejects.toThrow("stopped");
    const { features } = await store.features(backbone, dataset(8), { batchSize: 2 });
    expect(worst(features.values, (await extractFeatures(backbone, dataset())).features.values)).toBeLessThan(1e-5);
    const [kept] = await readdir(folder);
    expect((await readdir(join(folder, kept!))).sort()).toEqual(["key.json", ...["00000000", "00000004", "00000008"].map((first) => `shard-${first}.safetensors`)]);
  });

  it("has the class token among the features of several blocks", async () => {
    const [backbone, store] = [vitBackbone("fresh", vit), new FeatureStore(folder)];
    const expected = await extractFeatures(backbone, dataset());
    const linear = linearInputs(backbone, { blocks: [1, 2] }).backbone;
    const ofTwo = await store.features(linear, dataset());
    const { features } = await store.features(backbone, dataset(11));
    expect(worst(features.values, expected.features.values)).toBeLessThan(1e-5);
    expect(worst(ofTwo.features.values, (await extractFeatures(linear, dataset())).features.values)).toBeLessThan(1e-5);
  });

  it("rounds to three digits as float16, in half of the room", async () => {
    const backbone = vitBackbone("fresh", vit);
    const [half, whole] = await Promise.all((["float16", "float32"] as const).map((dtype) => new FeatureStore(join(folder, dtype), { dtype }).features(backbone, dataset())));
    whole!.features.values.forEach((value, i) => expect(Math.abs(half!.features.values[i]! - value)).toBeLessThanOrEqual(Math.abs(value) * 2 ** -11 + 1e-7));
  });

  it("refuses other weights, and says that it is they", async () => {
    const other = VisionTransformer.create(config, RandomStream.fromSeed(4));
    const store = new FeatureStore(folder);
    await store.features(vitBackbone("fresh", vit), dataset());
    await expect(store.features(vitBackbone("other", other), dataset())).rejects.toThrow(/key\.json is of other features: weights [0-9a-f]{12}…, not [0-9a-f]{12}…\. Name another folder/);
    await expect(new FeatureStore(folder, { dtype: "float16" }).features(vitBackbone("fresh", vit), dataset())).rejects.toThrow("number format float32, not float16");
    other.dispose();
  });

  it("refuses files that have changed, by their size or by the time of it", async () => {
    const store = new FeatureStore(folder);
    await store.features(vitBackbone("fresh", vit), dataset());
    const changed = /of other features: contents of the images [0-9a-f]{12}…, not/;
    await write(`${spoilt}.png`, "nothing", new Date("2020-01-01T00:00:01Z"));
    await expect(store.features(vitBackbone("fresh", vit), dataset())).rejects.toThrow(changed);
    await write(`${spoilt}.png`, "nothing at all");
    await expect(store.features(vitBackbone("fresh", vit), dataset())).rejects.toThrow(changed);
    await write(`${spoilt}.png`, "nothing");
    expect((await store.features(vitBackbone("fresh", vit), dataset())).rows.length).toBe(10);
  });

  it("tells parts of one file by their place in it", async () => {
    const part = (offset: number): ImageDataset => ({ ...dataset(), length: 1, source: () => ({ file: join(root, "0.png"), offset, size: 9 }) });
    const prints = await Promise.all([part(0), part(1), part(0)].map(filesFingerprint));
    expect(prints.map((print) => print === prints[0])).toEqual([true, false, true]);
  });

  it("refuses features of another precision", async () => {
    const store = new FeatureStore(folder);
    await store.features(vitBackbone("fresh", vit), dataset());
    const backend = tf.backend() as { precision?: string };
    backend.precision = "bf16";
    try {
      await expect(store.features(vitBackbone("fresh", vit), dataset())).rejects.toThrow("precision of products fp32, not bf16");
    } finally {
      delete backend.precision;
    }
  });
});
