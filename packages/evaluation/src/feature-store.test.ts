import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
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
import { linearInputs } from "./linear-inputs.ts";

const config = vitConfig("tiny", { imageSize: 16, patchSize: 8, embedDim: 16, depth: 3, numHeads: 2 });
const spoilt = 4;
let root: string;
let folder: string;
let vit: VisionTransformer;

/** 11 pictures of noise, one of which is none; those before `readable` must not be read. */
const dataset = (readable = 0): ImageDataset => ({
  length: 11,
  name: (i) => `picture ${i}`,
  label: () => undefined,
  source(i) {
    if (i < readable) throw new Error(`Picture ${i} was read again.`);
    return join(root, `${i}.png`);
  },
});

beforeAll(async () => {
  await useBackend({ name: "cpu" });
  root = await mkdtemp(join(tmpdir(), "dinov2-store-"));
  const random = RandomStream.fromSeed(2);
  for (let i = 0; i < 11; i++) {
    const data = Uint8Array.from({ length: 3 * 20 * 20 }, () => random.integer(256));
    await writeFile(join(root, `${i}.png`), i === spoilt ? "nothing" : await encodePng({ width: 20, height: 20, data }));
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
});
