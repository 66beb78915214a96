// Pictures to measure with when nobody gives any: 500 x 375 JPEGs, put together from what `npm ci` brings.

import { mkdir, readdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { RandomStream } from "@dinov2/foundation";
import sharp from "sharp";

const [width, height] = [500, 375];
const tile = 150;

/**
 * Writes `count` JPEGs into `folder`: overlapping renders at random places on a grainy gradient, with about as many
 * bytes as a photo of that size. The same pictures every time.
 */
export async function writeSampleImages(folder: string, count: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  const assets = join(dirname(createRequire(import.meta.url).resolve("@lobehub/fluent-emoji-3d/package.json")), "assets");
  const files = (await readdir(assets)).filter((name) => name.endsWith(".webp")).sort();
  for (let i = 0; i < count; i++) {
    const random = RandomStream.fromSeed(i);
    const renders = Array.from({ length: 12 }, async () => ({
      input: await sharp(join(assets, files[random.integer(files.length)]!)).resize(tile, tile).toBuffer(),
      left: random.integer(width - tile),
      top: random.integer(height - tile),
    }));
    await sharp(grainyGradient(random), { raw: { width, height, channels: 3 } })
      .composite(await Promise.all(renders))
      .jpeg({ quality: 85 })
      .toFile(join(folder, `${String(i).padStart(3, "0")}.jpg`));
  }
}

function grainyGradient(random: RandomStream): Uint8Array {
  const from = [random.integer(200), random.integer(200), random.integer(200)];
  const to = [random.integer(200), random.integer(200), random.integer(200)];
  const pixels = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    const along = (i % width) / width;
    const grain = random.integer(20);
    for (let c = 0; c < 3; c++) pixels[3 * i + c] = from[c]! * (1 - along) + to[c]! * along + grain;
  }
  return pixels;
}
