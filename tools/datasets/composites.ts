// `npm run dataset:composites -- --stamps DIR --backgrounds DIR --out OUT`: synthetic images with exact masks, photo cut-outs
// pasted on photos, as a folder that `dinov2 benchmark segmentation` reads. Debian has both in packages: cut-outs in
// tuxpaint-stamps-default (/usr/share/tuxpaint/stamps), photos in mate-backgrounds (/usr/share/backgrounds/mate/nature),
// lomiri-wallpapers-16.04 and -20.04 (/usr/share/backgrounds); --backgrounds may come several times. What such a photo shows, a
// bird among them, is background all the same.
//
//     OUT/images/{train,val}/00000.jpg        256 × 256 pixels
//     OUT/annotations/{train,val}/00000.png   0 background, 1 animals …
//     OUT/classes.txt
//
// No cut-out and no photo is on both sides.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { InputError, RandomStream } from "@dinov2/foundation";
import sharp from "sharp";
import { runTool } from "../run-tool.ts";
import { isCutOut, pictures } from "./cut-outs.ts";

const classNames = ["animals", "plants", "food", "vehicles", "household", "hobbies"];
const side = 256;
/** Of the longer side of a cut-out in the image. */
const sizes = [64, 176] as const;
const most = 4;
const testShare = 0.3;
const counts = { train: 800, val: 200 };

interface CutOut {
  readonly path: string;
  /** Its number in the masks. */
  readonly label: number;
}

interface Side {
  /** By class. */
  readonly cutOuts: readonly (readonly CutOut[])[];
  readonly photos: readonly string[];
}

/** A random part of the items for the test side, the rest for training. */
function divide<T>(items: readonly T[], random: RandomStream): { train: T[]; val: T[] } {
  const order = random.shuffle([...items]);
  const testCount = Math.max(1, Math.round(testShare * order.length));
  return { train: order.slice(testCount), val: order.slice(0, testCount) };
}

async function openSides(stamps: string, backgrounds: readonly string[], random: RandomStream): Promise<Record<"train" | "val", Side>> {
  const photos = divide((await Promise.all(backgrounds.map((folder) => pictures(folder, false)))).flat(), random.split("photos"));
  const cutOuts: { train: CutOut[]; val: CutOut[] }[] = [];
  for (const [i, name] of classNames.entries()) {
    const kept: CutOut[] = [];
    for (const path of await pictures(join(stamps, name), true)) if (await isCutOut(path, sizes[0])) kept.push({ path, label: i + 1 });
    console.log(`${name}: ${kept.length} cut-outs`);
    cutOuts.push(divide(kept, random.split(name)));
  }
  return {
    train: { cutOuts: cutOuts.map(({ train }) => train), photos: photos.train },
    val: { cutOuts: cutOuts.map(({ val }) => val), photos: photos.val },
  };
}

/** A random square of a photo, as [side, side, 3] bytes. */
async function background({ photos }: Side, random: RandomStream): Promise<Uint8Array> {
  const path = photos[random.integer(photos.length)]!;
  const { width, height } = await sharp(path).metadata();
  const square = Math.floor(Math.min(width, height) * random.uniform(0.4, 1));
  const [left, top] = [random.integer(width - square + 1), random.integer(height - square + 1)];
  return sharp(path).extract({ left, top, width: square, height: square }).resize(side, side).removeAlpha().toColourspace("srgb").raw().toBuffer();
}

/** Pastes a random cut-out of a random class at a random place, at most a third of it outside. */
async function paste(image: Uint8Array, labels: Uint8Array, { cutOuts }: Side, random: RandomStream): Promise<void> {
  const ofClass = cutOuts[random.integer(cutOuts.length)]!;
  const { path, label } = ofClass[random.integer(ofClass.length)]!;
  const longer = Math.round(random.uniform(...sizes));
  const { data, info } = await sharp(path).flop(random.bernoulli(0.5)).resize(longer, longer, { fit: "inside" })
    .ensureAlpha().toColourspace("srgb").raw().toBuffer({ resolveWithObject: true });
  const start = (size: number) => Math.round(random.uniform(-size / 3, side - (2 * size) / 3));
  const [left, top] = [start(info.width), start(info.height)];
  for (let y = Math.max(0, -top); y < Math.min(info.height, side - top); y++) {
    for (let x = Math.max(0, -left); x < Math.min(info.width, side - left); x++) {
      const [from, to] = [4 * (y * info.width + x), (top + y) * side + left + x];
      const alpha = data[from + 3]! / 255;
      for (let c = 0; c < 3; c++) image[3 * to + c] = Math.round(alpha * data[from + c]! + (1 - alpha) * image[3 * to + c]!);
      if (alpha >= 0.5) labels[to] = label;
    }
  }
}

async function writePair(out: string, name: "train" | "val", index: number, content: Side, random: RandomStream): Promise<void> {
  const image = await background(content, random);
  const labels = new Uint8Array(side * side);
  for (let left = 1 + random.integer(most); left > 0; left--) await paste(image, labels, content, random);
  const file = String(index).padStart(5, "0");
  await sharp(image, { raw: { width: side, height: side, channels: 3 } }).jpeg({ quality: 92 }).toFile(join(out, "images", name, `${file}.jpg`));
  const mask = sharp(labels, { raw: { width: side, height: side, channels: 1 } }).toColourspace("b-w").png();
  await mask.toFile(join(out, "annotations", name, `${file}.png`));
}

async function run(stamps: string, backgrounds: readonly string[], out: string): Promise<void> {
  const random = RandomStream.fromSeed(0).split("composites");
  const sides = await openSides(stamps, backgrounds, random);
  for (const name of ["train", "val"] as const) {
    for (const kind of ["images", "annotations"]) await mkdir(join(out, kind, name), { recursive: true });
    for (let i = 0; i < counts[name]; i++) await writePair(out, name, i, sides[name], random.split(name, String(i)));
    const of = sides[name].cutOuts.reduce((sum, { length }) => sum + length, 0);
    console.log(`${name}: ${counts[name]} images of ${of} cut-outs on ${sides[name].photos.length} photos`);
  }
  await writeFile(join(out, "classes.txt"), ["background", ...classNames, ""].join("\n"));
}

await runTool(async () => {
  const options = { stamps: { type: "string" }, backgrounds: { type: "string", multiple: true }, out: { type: "string" } } as const;
  const { stamps, backgrounds, out } = parseArgs({ options, strict: false }).values;
  if (typeof stamps !== "string" || typeof out !== "string" || !backgrounds) {
    throw new InputError("Expected: npm run dataset:composites -- --stamps /usr/share/tuxpaint/stamps --backgrounds /usr/share/backgrounds/mate/nature --out data/composites");
  }
  await run(stamps, backgrounds as string[], out);
});
