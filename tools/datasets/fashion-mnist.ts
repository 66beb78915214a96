// `npm run dataset:fashion-mnist -- IDX OUT`: Fashion-MNIST (arXiv 1708.07747) from its four IDX files, as Debian's package
// `dataset-fashion-mnist` has them in /usr/share/datasets/fashion-mnist, to class folders of PNGs:
//
//     OUT/train/ankle-boot/00000.png …      60,000 images of 28 × 28 pixels
//     OUT/test/ankle-boot/00023.png …       10,000

import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { InputError } from "@dinov2/foundation";
import sharp from "sharp";
import { runTool } from "../run-tool.ts";

const classNames = ["t-shirt-top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle-boot"];
const splits = { train: "train", test: "t10k" };
/** Files written at once. */
const stride = 256;

interface Idx {
  readonly shape: readonly number[];
  readonly values: Uint8Array;
}

/** An IDX file of unsigned bytes: 0, 0, type 8, rank; a big-endian 32-bit size for each axis; the values. */
async function readIdx(path: string): Promise<Idx> {
  const bytes = gunzipSync(
    await readFile(path).catch(() => {
      throw new InputError(`There is no ${path}; Debian's package dataset-fashion-mnist has it in /usr/share/datasets/fashion-mnist.`);
    }),
  );
  const rank = bytes[3]!;
  const shape = Array.from({ length: rank }, (_, axis) => bytes.readUInt32BE(4 + 4 * axis));
  const values = bytes.subarray(4 + 4 * rank);
  const expected = shape.reduce((product, size) => product * size, 1);
  if (bytes.readUInt16BE(0) !== 0 || bytes[2] !== 8 || values.length !== expected) {
    throw new InputError(`${path} is no IDX file of bytes: its header says ${shape.join(" × ")}, ${values.length} values follow.`);
  }
  return { shape, values };
}

async function writeSplit(source: string, prefix: string, folder: string): Promise<number> {
  const images = await readIdx(join(source, `${prefix}-images-idx3-ubyte.gz`));
  const labels = await readIdx(join(source, `${prefix}-labels-idx1-ubyte.gz`));
  const [count, height, width] = images.shape as [number, number, number];
  if (labels.values.length !== count) throw new InputError(`${source}: ${count} images of ${prefix}, but ${labels.values.length} labels.`);
  for (const name of classNames) await mkdir(join(folder, name), { recursive: true });
  const write = (i: number) => {
    const pixels = images.values.subarray(i * height * width, (i + 1) * height * width);
    const name = `${String(i).padStart(5, "0")}.png`;
    return sharp(pixels, { raw: { width, height, channels: 1 } }).png().toFile(join(folder, classNames[labels.values[i]!]!, name));
  };
  for (let start = 0; start < count; start += stride) {
    await Promise.all(Array.from({ length: Math.min(stride, count - start) }, (_, i) => write(start + i)));
  }
  return count;
}

await runTool(async () => {
  const [source, out, ...more] = process.argv.slice(2);
  if (source === undefined || out === undefined || more.length > 0) {
    throw new InputError("Expected two folders: npm run dataset:fashion-mnist -- /usr/share/datasets/fashion-mnist data/fashion-mnist");
  }
  for (const [split, prefix] of Object.entries(splits)) {
    console.log(`${split}: ${await writeSplit(source, prefix, join(out, split))} images in ${join(out, split)}`);
  }
});
