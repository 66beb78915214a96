// `npm run dataset:rendered-depth -- --out DIR --images N --seed S`: synthetic rooms with exact depths, in the layout of the
// usual NYU copies:
//
//     DIR/train.txt          images/00000.png depths/00000.png FOCAL, one line for each pair
//     DIR/test.txt           every fifth room
//     DIR/images/00000.png   128 × 96 pixels
//     DIR/depths/00000.png   16 bits, millimetres
//     DIR/README.txt         that it is synthetic
//
// The same seed gives the same files; each picture is of a room of its own.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { InputError, RandomStream } from "@dinov2/foundation";
import sharp from "sharp";
import { runTool } from "../run-tool.ts";
import { render } from "./rendered-depth/render.ts";
import { drawScene } from "./rendered-depth/scene.ts";

const [width, height] = [128, 96];
const TEST_EVERY = 5;
const note = "Synthetic: rooms of boxes and balls with procedural textures, drawn by a small ray caster. Depths are exact. No photo of anything.\n";

async function writePair(out: string, name: string, random: RandomStream): Promise<string> {
  const scene = drawScene(random);
  const { pixels, millimetres } = render(scene, width, height);
  await sharp(pixels, { raw: { width, height, channels: 3 } }).png().toFile(join(out, "images", name));
  await sharp(millimetres, { raw: { width, height, channels: 1 } }).toColourspace("grey16").png().toFile(join(out, "depths", name));
  const focal = width / 2 / scene.camera.halfWidth;
  return `images/${name} depths/${name} ${focal.toFixed(4)}`;
}

function wholeNumber(text: string | undefined, option: string, least: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least) return value;
  throw new InputError(`${option} is ${text ?? "missing"}; expected a whole number, ${least} or more.`);
}

await runTool(async () => {
  const { values } = parseArgs({ options: { out: { type: "string" }, images: { type: "string", default: "1000" }, seed: { type: "string", default: "0" } } });
  const { out } = values;
  if (out === undefined) throw new InputError("Expected a folder: npm run dataset:rendered-depth -- --out DIR --images 1000 --seed 0");
  const count = wholeNumber(values.images, "--images", TEST_EVERY);
  const random = RandomStream.fromSeed(wholeNumber(values.seed, "--seed", 0)).split("rendered depth");
  for (const folder of ["images", "depths"]) await mkdir(join(out, folder), { recursive: true });
  const lines: Record<"train" | "test", string[]> = { train: [], test: [] };
  for (let i = 0; i < count; i++) {
    const side = i % TEST_EVERY === 0 ? "test" : "train";
    lines[side].push(await writePair(out, `${String(i).padStart(5, "0")}.png`, random.split(i)));
  }
  for (const [side, pairs] of Object.entries(lines)) await writeFile(join(out, `${side}.txt`), `${pairs.join("\n")}\n`);
  await writeFile(join(out, "README.txt"), note);
  console.log(`${lines.train.length} train and ${lines.test.length} test pairs of synthetic rooms in ${out}`);
});
