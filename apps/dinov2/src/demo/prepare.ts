// From the package's renders to what every command reads: a folder of small PNGs, and CSV manifests that say which of them
// a seed learns from and which it is tested on.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { stratifiedSplit } from "@dinov2/evaluation";
import { RandomStream, writeFileAtomic } from "@dinov2/foundation";
import sharp from "sharp";
import type { Emoji } from "./emoji.ts";

/** Side of the prepared pictures: twice a global crop, so that a crop of a quarter of the area is still sharp. */
export const imageSide = 64;

/** Share of each category's pictures that is kept for testing. */
export const testShare = 0.3;

/** Pictures decoded at once: sharp works on threads of its own. */
const decodersAtOnce = 4;

const imageName = ({ id }: Emoji) => `${id}.png`;

/** Path of a prepared picture in the demo's folder. */
export const imagePath = (out: string, emoji: Emoji) => join(out, "images", imageName(emoji));

/** Writes `OUT/images/<id>.png`: on white, `imageSide` pixels square. `onImage` is called with the number done. */
export async function prepareImages(
  emoji: readonly Emoji[], out: string, onImage: (done: number) => void = () => {},
): Promise<void> {
  await mkdir(join(out, "images"), { recursive: true });
  const waiting = emoji.values();
  let done = 0;
  const work = async () => {
    for (const one of waiting) {
      await sharp(one.file).resize(imageSide, imageSide).flatten({ background: "white" }).png().toFile(imagePath(out, one));
      onImage(++done);
    }
  };
  await Promise.all(Array.from({ length: decodersAtOnce }, work));
}

export interface SplitFiles {
  /** Every picture with `path,label,split,group`: what `benchmark` reads. */
  readonly manifest: string;
  /** The paths of the train side and nothing else: what pretraining reads. */
  readonly trainImages: string;
}

/** Draws a seed's split, no concept on both sides, and writes it to `OUT/splits`. */
export async function writeSplit(emoji: readonly Emoji[], out: string, seed: number): Promise<SplitFiles> {
  const categories = [...new Set(emoji.map((one) => one.category))].sort();
  const labels = emoji.map((one) => categories.indexOf(one.category));
  const random = RandomStream.fromSeed(seed).split("demo", "split");
  const test = new Set(stratifiedSplit(labels, testShare, random, emoji.map((one) => one.concept)).test);

  const folder = join(out, "splits");
  await mkdir(folder, { recursive: true });
  const files = { manifest: join(folder, `seed-${seed}.csv`), trainImages: join(folder, `seed-${seed}-train.csv`) };
  const path = (one: Emoji) => `../images/${imageName(one)}`;
  const rows = emoji.map((one, row) => [path(one), one.category, test.has(row) ? "test" : "train", one.concept]);
  const train = rows.filter(([, , side]) => side === "train").map(([file]) => [file!]);
  await writeFileAtomic(files.manifest, csv([["path", "label", "split", "group"], ...rows]));
  await writeFileAtomic(files.trainImages, csv([["path"], ...train]));
  return files;
}

const csv = (rows: readonly (readonly string[])[]) => rows.map((row) => `${row.map(cell).join(",")}\n`).join("");
const cell = (text: string) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
