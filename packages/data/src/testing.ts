// For this package's tests: folders of small pictures that are there for the length of one test.

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { RandomStream } from "@dinov2/foundation";
import sharp from "sharp";
import { onTestFinished } from "vitest";
import type { RgbImage } from "./images.ts";

export function noiseImage(width: number, height: number, seed = 0): RgbImage {
  const random = RandomStream.fromSeed(seed);
  return { width, height, data: Uint8Array.from({ length: width * height * 3 }, () => random.integer(256)) };
}

/** A smooth picture with some noise: what a photo is to resampling and to JPEG. */
export function smoothImage(width: number, height: number, seed = 0): RgbImage {
  const random = RandomStream.fromSeed(seed);
  const phase = random.uniform(0, 6);
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const pixel = Math.floor(i / 3);
    const wave = Math.sin((pixel % width) / 7 + phase + i) + Math.cos(Math.floor(pixel / width) / 5);
    return Math.max(0, Math.min(255, 128 + 50 * wave + random.uniform(-9, 9)));
  });
  return { width, height, data };
}

export function encode(image: RgbImage, format: "png" | "jpeg" = "png"): Promise<Buffer> {
  const { width, height, data } = image;
  return sharp(data, { raw: { width, height, channels: 3 } })[format]().toBuffer();
}

/** Makes a folder with these files (path → content), and removes it after the test. Folders end in "/". */
export async function temporaryFolder(files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "dinov2-data-"));
  onTestFinished(() => rm(root, { recursive: true }));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(path.endsWith("/") ? join(root, path) : dirname(join(root, path)), { recursive: true });
    if (!path.endsWith("/")) await writeFile(join(root, path), content);
  }
  return root;
}

/** A flat folder of `count` small pictures, `corrupt` of them cut short in the middle. */
export async function pictureFolder(count: number, corrupt: readonly number[] = []): Promise<string> {
  const files: Record<string, Uint8Array> = {};
  for (let i = 0; i < count; i++) {
    const bytes = await encode(smoothImage(40 + (i % 5), 36 + (i % 3), i), "jpeg");
    files[`${String(i).padStart(3, "0")}.jpg`] = corrupt.includes(i) ? bytes.subarray(0, bytes.length / 2) : bytes;
  }
  return temporaryFolder(files);
}
