// `npm run dataset:emoji -- OUT`: the same emoji as two vendors draw them, for retrieval across vendors: `dinov2 benchmark retrieval --data
// OUT/google.csv --queries OUT/twitter.csv`. From the npm packages emoji-datasource-google (Apache-2.0) and -twitter (CC-BY-4.0), 136 MB of
// which a twelfth is used: every emoji without skin tone that both have, 1,906.
//
//     OUT/google.csv            path and label, which is the emoji's code point
//     OUT/google/1f600.png      64 × 64 pixels, on white
//     OUT/twitter.csv
//     OUT/twitter/1f600.png

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "@dinov2/foundation";
import sharp from "sharp";
import { withNpmPackage } from "../npm-package.ts";
import { runTool } from "../run-tool.ts";

const version = "16.0.0";
const vendors = ["google", "twitter"] as const;

/** Of the packages' emoji.json, which lists skin tones under their base. */
interface Emoji {
  readonly image: string;
  /** "Component" for skin tones by themselves. */
  readonly category: string;
  readonly has_img_google: boolean;
  readonly has_img_twitter: boolean;
}

async function writeVendor(out: string, vendor: (typeof vendors)[number]): Promise<number> {
  return withNpmPackage(`emoji-datasource-${vendor}@${version}`, async (folder) => {
    const all = JSON.parse(await readFile(join(folder, "emoji.json"), "utf8")) as Emoji[];
    const images = all.filter((one) => one.has_img_google && one.has_img_twitter && one.category !== "Component").map(({ image }) => image);
    await mkdir(join(out, vendor), { recursive: true });
    for (const image of images) {
      await sharp(join(folder, "img", vendor, "64", image)).flatten({ background: "#ffffff" }).png().toFile(join(out, vendor, image));
    }
    const rows = images.map((image) => `${vendor}/${image},${image.replace(/\.png$/, "")}`);
    await writeFile(join(out, `${vendor}.csv`), ["path,label", ...rows, ""].join("\n"));
    return images.length;
  });
}

await runTool(async () => {
  const [out, ...more] = process.argv.slice(2);
  if (out === undefined || more.length > 0) throw new InputError("Expected one folder: npm run dataset:emoji -- data/emoji");
  for (const vendor of vendors) console.log(`${await writeVendor(out, vendor)} emoji in ${join(out, vendor)}`);
});
