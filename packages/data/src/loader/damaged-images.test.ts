// Ten thousand files that went wrong on their way: none of them may end, hang or bloat a run, and each is accounted for.

import { readdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { RandomStream } from "@dinov2/foundation";
import sharp, { type Sharp } from "sharp";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import type { ImageDataset } from "../datasets/dataset.ts";
import { openDataset } from "../datasets/open-dataset.ts";
import { makeTar } from "../datasets/tar/testing.ts";
import { temporaryFolder, withPngSize } from "../testing.ts";
import { loadEvalImages } from "./eval-loader.ts";
import { createLoader } from "./loader.ts";

const [count, shards, side] = [10_000, 10, 40];

/** Small versions of a few real renders, in every format that is read. */
async function wholeImages(): Promise<Buffer[]> {
  const assets = join(dirname(createRequire(import.meta.url).resolve("@lobehub/fluent-emoji-3d/package.json")), "assets");
  const files = (await readdir(assets)).filter((name) => name.endsWith(".webp")).sort();
  const formats: readonly ((image: Sharp) => Sharp)[] = [
    (image) => image.jpeg(),
    (image) => image.jpeg({ progressive: true }),
    (image) => image.png(),
    (image) => image.png({ palette: true }),
    (image) => image.webp(),
    (image) => image.webp({ lossless: true }),
    (image) => image.gif(),
    (image) => image.tiff({ compression: "lzw" }),
    (image) => image.avif({ effort: 0 }),
  ];
  const images = [0, 700, 1400].map((i) => sharp(join(assets, files[i]!)).resize(side, side).flatten({ background: "white" }));
  return Promise.all(images.flatMap((image) => formats.map((format) => format(image.clone()).toBuffer())));
}

/** One of the ways in which files break. Answers its name with the bytes. */
function damage(whole: Buffer, random: RandomStream): [kind: string, bytes: Buffer] {
  const bytes = Buffer.from(whole);
  const at = random.integer(bytes.length);
  const length = Math.min(1 + random.integer(64), bytes.length - at);
  switch (random.integer(6)) {
    case 0:
      return ["cut", bytes.subarray(0, at)];
    case 1:
      for (let flips = 1 + random.integer(16); flips > 0; flips--) bytes[random.integer(bytes.length)]! ^= 1 << random.integer(8);
      return ["flips", bytes];
    case 2:
      return ["hole", bytes.fill(0, at, at + length)];
    case 3:
      return ["repeated", Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)])];
    case 4:
      return ["noise in the header", fillNoise(bytes.subarray(0, 64), random) && bytes];
    default:
      return ["bomb", bomb(bytes, random)];
  }
}

function fillNoise(bytes: Buffer, random: RandomStream): Buffer {
  for (let i = 4; i < bytes.length; i++) if (random.bernoulli(0.3)) bytes[i] = random.integer(256);
  return bytes;
}

/** Declares up to 65,535 pixels a side where the format says it in a place that is easily found. */
function bomb(bytes: Buffer, random: RandomStream): Buffer {
  const size = () => 1000 + random.integer(64_000);
  if (bytes.toString("latin1", 1, 4) === "PNG") return withPngSize(bytes, size(), size());
  const frame = [0xc0, 0xc2].map((marker) => bytes.indexOf(Buffer.from([0xff, marker, 0, 17]))).find((found) => found > 0);
  if (frame !== undefined) bytes.writeUInt32BE(size() * 65_536 + size(), frame + 5);
  else bytes.fill(255, 0, random.integer(bytes.length));
  return bytes;
}

interface Verdicts {
  readonly used: Set<string>;
  /** With the reasons. */
  readonly skipped: Map<string, string>;
}

/** Fills the verdicts, and looks at the memory after each batch. */
type Load = (dataset: ImageDataset, verdicts: Verdicts, look: () => void) => Promise<void>;

const shared = { batchSize: 250, workers: 2, maxSkippedShare: 1, pixelLimit: 1 << 20 };
const allFinite = (values: Float32Array) => values.every((value) => Number.isFinite(value));

const evaluate: Load = async (dataset, { used, skipped }, look) => {
  const onSkip = (name: string, reason: string) => skipped.set(name, reason);
  for await (const { images, names } of loadEvalImages(dataset, { ...shared, resizeSize: 16, cropSize: 16, onSkip })) {
    for (const name of names) used.add(name);
    expect(allFinite(images)).toBe(true);
    look();
  }
};

/** A pass: every image in its place, or another one that is usable. */
const train: Load = async (dataset, { used, skipped }, look) => {
  const multiCrop = { globalSize: 16, localSize: 8, localCount: 2 };
  const onSkip = (name: string, reason: string) => {
    expect(skipped.has(name)).toBe(false);
    skipped.set(name, reason);
  };
  const loader = createLoader({ ...shared, dataset, seed: 0, multiCrop, masking: { patchSize: 8 }, onSkip });
  onTestFinished(() => loader.close());
  for await (const batch of loader) {
    for (const name of batch.sampleNames) used.add(name);
    expect(batch.sampleNames).toHaveLength(shared.batchSize);
    expect(allFinite(batch.globalCrops.data) && allFinite(batch.localCrops.data)).toBe(true);
    loader.recycle(batch);
    look();
    if (loader.stats().images >= dataset.length) break;
  }
  expect(loader.stats().skippedImages).toBe(skipped.size);
};

beforeEach(() => void vi.stubEnv("DINOV2_CACHE", ""));
afterEach(() => void vi.unstubAllEnvs());

/** Of the loader that came first. Not its reasons: decoders of one process share one text of what went wrong last. */
let usable: string[] | undefined;

describe.each<[string, Load]>([["evaluation", evaluate], ["training", train]])("the %s loader", (_, load) => {
  it(`uses or counts every one of ${count} damaged images, and memory stays bounded`, { timeout: 900_000 }, async () => {
    const random = RandomStream.fromSeed(0);
    const whole = await wholeImages();
    const folder = await temporaryFolder({});
    const kinds = new Set<string>();
    for (let shard = 0; shard < shards; shard++) {
      const entries = Array.from({ length: count / shards }, (_, i) => {
        const [kind, content] = damage(whole[random.integer(whole.length)]!, random);
        kinds.add(kind);
        return { name: `${i}.jpg`, content };
      });
      await writeFile(join(folder, `s-${shard}.tar`), makeTar(entries));
    }
    await writeFile(join(folder, `s-${shards}.tar`), makeTar(whole.map((content, i) => ({ name: `whole-${i}.jpg`, content }))));
    const dataset = await openDataset(join(folder, "s-*.tar"));
    expect([dataset.length, kinds.size]).toEqual([count + whole.length, 6]);

    const [used, skipped] = [new Set<string>(), new Map<string, string>()];
    let peak = 0;
    const before = process.memoryUsage.rss();
    await load(dataset, { used, skipped }, () => (peak = Math.max(peak, process.memoryUsage.rss() - before)));
    const names = Array.from({ length: dataset.length }, (_, i) => dataset.name(i));
    expect([...used, ...skipped.keys()].sort()).toEqual(names.sort());
    expect([...used].filter((name) => name.includes("whole"))).toHaveLength(whole.length);
    expect([...used].sort()).toEqual((usable ??= [...used].sort()));
    // A hole or a flip in the pixels of a JPEG leaves a picture; a cut never does.
    expect(skipped.size).toBeGreaterThan(count / 3);
    expect(used.size).toBeGreaterThan(count / 10);
    for (const reason of skipped.values()) expect(reason).toMatch(/^(is empty|is not a readable|cannot be decoded|[\d?]+ x [\d?]+ pixels)/);
    // Two threads of two pictures of a million pixels each, and what the decoders hold beside them.
    expect(peak).toBeLessThan(400 << 20);
  });
});
