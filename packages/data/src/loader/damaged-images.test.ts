// Ten thousand files that went wrong on their way: none of them may end, hang or bloat a run, and each is accounted for.

import { readdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { RandomStream } from "@dinov2/foundation";
import sharp, { type Sharp } from "sharp";
import { expect, it } from "vitest";
import { openDataset } from "../datasets/open-dataset.ts";
import { makeTar } from "../datasets/tar/testing.ts";
import { temporaryFolder, withPngSize } from "../testing.ts";
import { loadEvalImages } from "./eval-loader.ts";

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

it(`${count} damaged images: every one is used or counted, and memory stays bounded`, { timeout: 900_000 }, async () => {
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
  const dataset = await openDataset(join(folder, `s-{0..${shards - 1}}.tar`));
  expect([dataset.length, kinds.size]).toEqual([count, 6]);

  const skipped = new Map<string, string>();
  const used = new Set<string>();
  const onSkip = (name: string, reason: string) => skipped.set(name, reason);
  let peak = 0;
  const before = process.memoryUsage.rss();
  const options = { batchSize: 250, resizeSize: 16, cropSize: 16, workers: 2, maxSkippedShare: 1, pixelLimit: 1 << 20, onSkip };
  for await (const { images, names } of loadEvalImages(dataset, options)) {
    for (const name of names) used.add(name);
    expect(images.every((value) => Number.isFinite(value))).toBe(true);
    peak = Math.max(peak, process.memoryUsage.rss() - before);
  }
  expect(used.size + skipped.size).toBe(count);
  expect([...used].filter((name) => skipped.has(name))).toEqual([]);
  // A hole or a flip in the pixels of a JPEG leaves a picture; a cut never does.
  expect(skipped.size).toBeGreaterThan(count / 3);
  expect(used.size).toBeGreaterThan(count / 10);
  for (const reason of skipped.values()) expect(reason).toMatch(/^(is empty|is not a readable|cannot be decoded|[\d?]+ x [\d?]+ pixels)/);
  // Two threads of two pictures of a million pixels each, and what the decoders hold beside them.
  expect(peak).toBeLessThan(400 << 20);
});
