import { symlinkSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dinov2Json } from "./command-line.ts";
import { writeImage } from "./fixtures.ts";

interface BenchmarkResult {
  readonly metrics: Readonly<Record<string, number>>;
  readonly notes: Readonly<Record<string, string>>;
  readonly data: Readonly<Record<string, unknown>>;
  readonly protocol: Readonly<Record<string, unknown>>;
}

describe("--test-data", () => {
  let root: string;
  beforeAll(async () => (root = await mkdtemp(join(tmpdir(), "dinov2-e2e-"))));
  afterAll(() => rm(root, { recursive: true }));

  it("measures several sets with the same training images, and says how each is scored", async () => {
    // Every class is the same picture: its nearest neighbour is of class 0, which is none of the 200 that may be answered in the
    // second set, so that there the first of those is.
    for (const folder of ["one", "in1k/train", "a"]) await mkdir(join(root, folder), { recursive: true });
    await writeImage(join(root, "one/0.png"), "blue", 1);
    const wnids = Array.from({ length: 201 }, (_, k) => `n${String(k).padStart(8, "0")}`);
    for (const wnid of wnids) symlinkSync(join(root, "one"), join(root, "in1k/train", wnid));
    for (const wnid of wnids.slice(1)) symlinkSync(join(root, "one"), join(root, "a", wnid));
    const words = ["benchmark", "knn", "--backend", "cpu", "--model", "pixels", "--data", "imagenet:in1k", "--ks", "1", "--out", "results"];
    const { metrics, notes, data, protocol } = await dinov2Json<BenchmarkResult>([...words, "--test-data", "in1k/train", "imagenet-a:a"], root);
    expect(metrics).toEqual({
      "k1.top1": 1 / 201, "k1.top5": 5 / 201, "k1.mean_per_class": 1 / 201,
      "imagenet-a/k1.top1": 1 / 200, "imagenet-a/k1.top5": 5 / 200, "imagenet-a/k1.mean_per_class": 1 / 200,
    });
    const scoring = "only the 200 classes of imagenet-a:a may be answered";
    expect([notes, protocol.scoring]).toEqual([
      { "imagenet-a/k1.top1": scoring, "imagenet-a/k1.top5": scoring, "imagenet-a/k1.mean_per_class": scoring }, { "imagenet-a": scoring },
    ]);
    expect(data).toMatchObject({
      ...{ source: "imagenet:in1k", origin: "tested on in1k/train, imagenet-a:a", trainImages: 201, testImages: 201 },
      tests: [{ source: "in1k/train", images: 201 }, { source: "imagenet-a:a", name: "imagenet-a", images: 200 }],
    });
  });
});
